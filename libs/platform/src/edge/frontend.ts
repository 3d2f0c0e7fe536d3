import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { reasonOf, StartupError } from '../config/startup-error';
import { decodedPath } from './paths';

/** Paths of programs, below which nothing is the web client's. */
const NOT_PAGES = /^\/(?:api|ws|docs|openapi\.json|console)(?:\/|$)/;
/** Routes of our own that give way to a file of the client, as browsers see them. */
const GIVES_WAY = ['/', '/favicon.ico'];
/** As bundlers name what never changes under its name: `index-BXz3a9Q1.js`, `main.8c1f2ab0.css`. */
const HASHED = /(?:-(?=[\w-]*[A-Z\d])[\w-]{8}|\.[\da-f]{8,64})\.\w+(?:\.map)?$/;
const INDEX = 'index.html';

/** A page may not be framed, and where people are is nobody else's: the address of an invitation has its token in it. */
const PAGE_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "frame-ancestors 'none'",
  'Referrer-Policy': 'same-origin',
};

/**
 * A built web client, on the origin of the API: its files, and its `index.html` for every address that browsers ask for as a page and
 * nothing else answers. What has a hash in its name may be kept for good; the rest is asked for again, and answered 304 if it is the same.
 */
export class Frontend {
  private constructor(private readonly root: string) {}

  /** @throws StartupError if there is none */
  static async open(folder: string): Promise<Frontend> {
    try {
      const root = await realpath(folder);
      if ((await stat(join(root, INDEX))).isFile()) return new Frontend(root);
      throw new Error(`${INDEX} is no file`);
    } catch (error) {
      throw new StartupError(
        `FRONTEND_DIR should be a folder with an ${INDEX} that this user may read; ${folder} is not (${reasonOf(error)}).`,
      );
    }
  }

  mount(server: FastifyInstance): void {
    server.register(fastifyStatic, { root: this.root, serve: false, cacheControl: false });
  }

  /** @returns whether it was answered: a file of the client, or its page */
  async take(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const { method } = request;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const path = decodedPath(request.raw.url ?? '/');
    if (NOT_PAGES.test(path) || !(request.is404 || GIVES_WAY.includes(path))) return false;
    const file = (await this.find(path)) ?? (wantsPage(request) ? INDEX : undefined);
    if (file === undefined) return false;
    reply.headers({ ...PAGE_HEADERS, 'Cache-Control': HASHED.test(file) ? 'public, max-age=31536000, immutable' : 'no-cache' });
    if (file === INDEX) reply.header('Vary', 'Accept');
    reply.sendFile(file);
    return true;
  }

  /** A file of the folder, by the name that it has there. Hidden ones are not served, nor what links lead to outside. */
  private async find(path: string): Promise<string | undefined> {
    const segments = path.split('/').slice(1);
    if (segments.some((segment) => segment === '' || segment.startsWith('.') || /[\\\0]/.test(segment))) return undefined;
    try {
      const real = await realpath(join(this.root, ...segments));
      if (!real.startsWith(this.root + sep) || !(await stat(real)).isFile()) return undefined;
      return segments.join('/');
    } catch {
      return undefined; // not there, or not ours to read
    }
  }
}

/** Programs ask for anything or for JSON, browsers for pages. */
function wantsPage({ headers: { accept = '' } }: FastifyRequest): boolean {
  return accept.split(',').some((range) => /^\s*text\/html\s*(?:;(?!.*q=0(?:\.0*)?\s*$).*)?$/i.test(range));
}
