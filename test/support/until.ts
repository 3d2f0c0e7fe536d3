import { setTimeout as pause } from 'node:timers/promises';

/** Asks again until the answer is not undefined or false. It has no limit of its own: the test's is one, and says where it hung. */
export async function until<T>(question: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await question();
    if (answer !== undefined && answer !== false) return answer;
    await pause(20);
  }
}
