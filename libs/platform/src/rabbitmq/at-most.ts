/** Wait for the end of `work`, good or bad, but no longer than that: words of farewell to a broker that may be gone. */
export async function atMost(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
  await Promise.race([work.catch(() => undefined), tooLong]);
  clearTimeout(timer);
}
