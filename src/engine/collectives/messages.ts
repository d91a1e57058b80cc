/**
 * What members and the hub in member 0 tell each other over one TCP connection each: a line of JSON a message.
 *
 * → {"hello":{"group":"f3a1","index":1,"size":2,"host":"node02","pid":4242,"port":40123}}
 * ← {"members":[{"index":0,"host":"node01","pid":77,"port":40001},{"index":1,…}]}     when all are there
 * → {"call":17,"digest":"9e107d…","lines":["allReduce mean","float32[384, 384]"]}     lines only the first time
 * ← {"go":17}                                                                         when all made that call
 * ↔ {"beat":true}                                                                     a sign of life
 * → {"failed":{"what":…}}
 * ← {"over":{"what":"group: member 1 (node02, pid 4242) was lost",…},"lost":1}
 */
import { z } from 'zod';
import type { ErrorParts } from '../../error.js';

const memberSchema = z.object({
  index: z.int().nonnegative(),
  host: z.string(),
  pid: z.int(),
  /** Of its TensorFlow server. */
  port: z.int(),
});

/** A process of a group. */
export type Member = z.infer<typeof memberSchema>;

const partsSchema = z.object({
  what: z.string(),
  received: z.string().optional(),
  expected: z.string().optional(),
  fix: z.string().optional(),
});

export const toHub = z.union([
  z.object({ beat: z.literal(true) }),
  z.object({ call: z.int(), digest: z.string(), lines: z.array(z.string()).optional() }),
  z.object({ hello: memberSchema.extend({ group: z.string(), size: z.int() }) }),
  z.object({ failed: partsSchema }),
]);

export const toMember = z.union([
  z.object({ beat: z.literal(true) }),
  z.object({ go: z.int() }),
  z.object({ members: z.array(memberSchema) }),
  z.object({ over: partsSchema, lost: z.int().optional() }),
]);

export type ToHub = z.infer<typeof toHub>;
export type ToMember = z.infer<typeof toMember>;
export type Hello = Extract<ToHub, { hello: unknown }>['hello'];
export type Over = Extract<ToMember, { over: unknown }>;

/** The parts of an error that can be sent. */
export function sendable({ what, received, expected, fix }: ErrorParts): z.infer<typeof partsSchema> {
  return {
    what,
    ...(received === undefined ? {} : { received: String(received) }),
    ...(expected === undefined ? {} : { expected }),
    ...(fix === undefined ? {} : { fix }),
  };
}

/** `member 1 (node02, pid 4242)`. */
export function nameOf({ index, host, pid }: Pick<Member, 'index' | 'host' | 'pid'>): string {
  return `member ${index} (${host}, pid ${pid})`;
}

/** What all are told when a member is no more. */
export function lost(member: Pick<Member, 'index' | 'host' | 'pid'>, reason: string): Over {
  const over = {
    what: `group: ${nameOf(member)} was lost`,
    received: reason,
    expected: 'every member, until all have left the group',
    fix: 'see what that member printed last; trainbook launch --restarts 1 starts all again from their last checkpoint',
  };
  return { over, lost: member.index };
}
