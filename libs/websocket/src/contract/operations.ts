import { command, contract, query, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import { Frame } from './types';

/** Send a frame to every open socket of a user. `delivered` counts the sockets that took it; 0 if he is not there. */
export const push = command({
  summary: 'Send a frame to every open socket of a user.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid, frame: Frame }),
  output: z.object({ delivered: z.int() }),
});

/** Send one frame to every open socket of many users, in one message for each process that holds some of them. Who takes it is not told. */
export const pushMany = command({
  summary: 'Send a frame to every open socket of many users.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_ids: z.array(Uuid).max(100_000), frame: Frame }),
  output: z.object({}),
  timeoutMs: 5_000,
});

/** Which of these users have an open socket anywhere. */
export const online = query({
  summary: 'Which of these users have an open socket.',
  access: 'internal',
  input: z.object({ user_ids: z.array(Uuid).max(10_000) }),
  output: z.object({ online: z.array(Uuid) }),
});

/** How many users have an open socket anywhere. */
export const onlineCount = query({
  summary: 'How many users have an open socket.',
  access: 'internal',
  input: z.object({}),
  output: z.object({ count: z.int() }),
});

/** Close a user's sockets, all or those of one session: who holds them is not signed in any more. */
export const endSessions = command({
  summary: "Close a user's sockets, all or those of one session.",
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid, session_id: Uuid.nullish() }),
  output: z.object({}),
});

export const websocketContract = contract('websocket', { push, pushMany, online, onlineCount, endSessions });
