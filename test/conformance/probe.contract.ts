import { command, contract, domainError, query } from '@banyan/platform/contract';
import { z } from 'zod';

export const Refused = domainError('probe.refused', { status: 409, detail: 'The probe was refused', retryAfterSeconds: 7 });

const Marked = z.object({
  /** Written down when the operation is executed, so that a test can count. */
  mark: z.string(),
  /** What happens after that, before the answer. */
  then: z.enum(['answer', 'die', 'hold']).default('answer'),
});
const Anything = z.unknown();
const internal = { access: 'internal' } as const;

/** A domain that shows what a carrier does to a call. */
export const probeContract = contract('probe', {
  echo: query({ ...internal, summary: 'Gives back its input.', input: z.looseObject({}), output: Anything }),
  context: query({ ...internal, summary: 'Tells in which context it runs.', input: z.object({}), output: Anything }),
  keep: query({ ...internal, summary: 'Changes its input, and its last answer.', input: z.looseObject({}), output: Anything }),
  nothing: query({ ...internal, summary: 'Answers undefined.', input: z.object({}), output: Anything }),
  refuse: query({ ...internal, summary: 'Throws a declared error.', input: z.object({}), output: Anything, errors: [Refused] }),
  crash: command({ ...internal, summary: 'Throws what nobody declared.', repeatable: 'no', input: z.object({}), output: Anything }),
  circle: query({ ...internal, summary: 'Answers what is no JSON.', input: z.object({}), output: Anything }),
  fall: command({
    ...internal,
    summary: 'Fails as when its database is away.',
    repeatable: 'no',
    input: z.object({ mark: z.string(), executed: z.enum(['no', 'maybe']) }),
    output: Anything,
  }),
  nest: query({ ...internal, summary: 'Calls itself for ever.', input: z.object({}), output: Anything }),
  look: query({ ...internal, summary: 'May always be repeated.', input: Marked, output: Anything, timeoutMs: 3_000 }),
  once: command({ ...internal, summary: 'May never be repeated.', repeatable: 'no', input: Marked, output: Anything, timeoutMs: 3_000 }),
  keyed: command({ ...internal, summary: 'Has its effect once per key.', repeatable: 'by-key', input: Marked, output: Anything }),
  brief: command({ ...internal, summary: 'Waited for 300 ms.', repeatable: 'no', input: Marked, output: Anything, timeoutMs: 300 }),
  later: query({ ...internal, summary: 'Known to newer builds only.', input: Marked, output: Anything }),
});
