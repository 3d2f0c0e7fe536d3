import { Agent, request } from 'node:http';

/** What came of one request. */
export type Outcome = Reply | Lost;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** The connection ended, or nothing came within `patienceMs`. */
export interface Lost {
  /** `ECONNREFUSED`, `ECONNRESET`, …; `SILENCE` */
  readonly lost: string;
  /** The server had begun to read the request, and had said so. */
  readonly accepted: boolean;
}

export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly patienceMs: number;
}

/** One client's connections, kept open between requests as a browser does. */
export class HttpClient {
  private readonly agent = new Agent({ keepAlive: true });

  /** Sent once, whatever happens. With `Expect: 100-continue`, so that it is known whether the server has taken it. */
  ask({ method, url, headers, body, patienceMs }: Ask): Promise<Outcome> {
    return new Promise((resolve) => {
      let accepted = false;
      const json = body === undefined ? undefined : JSON.stringify(body);
      const asked = request(url, {
        method,
        agent: this.agent,
        headers: {
          ...headers,
          expect: '100-continue',
          ...(json === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }),
        },
      });
      const patience = setTimeout(() => {
        resolve({ lost: 'SILENCE', accepted });
        asked.destroy();
      }, patienceMs);
      const end = (outcome: Outcome) => {
        clearTimeout(patience);
        resolve(outcome);
      };
      const fail = (error: NodeJS.ErrnoException) => end({ lost: error.code ?? error.message, accepted });
      asked.on('error', fail);
      asked.on('continue', () => {
        accepted = true;
        asked.end(json);
      });
      asked.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('error', fail);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          asked.end(); // refused before it asked for the body
          end({ status: response.statusCode ?? 0, headers: response.headers, body: parse(Buffer.concat(chunks).toString()) });
        });
      });
      asked.flushHeaders();
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
