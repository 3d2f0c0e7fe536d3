/** The broker is away, does not answer in time, or has refused. Whether it did what it was asked is not known. */
export class BrokerUnavailable extends Error {
  override readonly name = 'BrokerUnavailable';
}

/** For the log: a broker's words name queues and settings, never contents. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** A connection that was lost without a word is found out much later than anybody wants to wait. @throws BrokerUnavailable after `timeoutMs` */
export async function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BrokerUnavailable('the broker does not answer')), timeoutMs);
  });
  try {
    return await Promise.race([answer, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
