import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';

/**
 * `alike`: the monolith takes our tokens. `other-secret`: it does not, so whoever signed in on one side would be a stranger on the other.
 * `silent`: nobody answered in time. `strange`: what answers there is not the monolith.
 */
export type Finding = 'alike' | 'other-secret' | 'silent' | 'strange';

const ANSWER_MS = 3_000;

/** Asks the monolith who somebody is that nobody is, with a token of ours: it says whether it minds the user or the token. */
export function probeLegacy(url: string, secret: string): Promise<Finding> {
  return probe(url, '/api/v1/auth/me', secret);
}

/** The same of a process with an edge, at a path that it never hands on. It is `silent` also while it takes the token and accounts are out of reach. */
export function probeHost(url: string, secret: string): Promise<Finding> {
  return probe(url, '/api/v1/admin/routes', secret);
}

async function probe(url: string, path: string, secret: string): Promise<Finding> {
  const token = jwt.sign({ sub: randomUUID() }, secret, { algorithm: 'HS256', expiresIn: '1h', noTimestamp: true });
  try {
    const answer = await fetch(new URL(path, url), {
      headers: { authorization: `Bearer ${token}` },
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const body = (await answer.json().catch(() => undefined)) as { detail?: unknown } | undefined;
    if (answer.status >= 500) return 'silent'; // it, or a proxy in front of it, cannot answer
    if (answer.status !== 401) return 'strange';
    return FINDINGS[String(body?.detail)] ?? 'strange';
  } catch {
    return 'silent';
  }
}

const FINDINGS: Readonly<Record<string, Finding>> = { 'User not found': 'alike', 'Could not validate credentials': 'other-secret' };
