import * as tf from '@tensorflow/tfjs';
import type { Group } from '../../../engine/group.js';
import { fold } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import type { AnswerTokens, Rollouts } from '../../../model/rollout.js';

/** What is to be written. */
export interface Writing<Weights> {
  readonly rollouts: Rollouts<Weights>;
  readonly weights: Weights;
  readonly prompts: readonly Int32Array[];
  /** Answers to each prompt. */
  readonly each: number;
  readonly maxTokens: number;
  /** Prompts that are handed over at a time; processes share them by that many. */
  readonly promptsAtOnce: number;
  readonly key: Key;
  readonly group?: Group | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * So many answers to each prompt, [prompts][each]. The processes of a group share the prompts, and all have all answers: what is written
 * does not depend on their number but for rounding.
 */
export async function writeAnswers<Weights>(writing: Writing<Weights>): Promise<AnswerTokens[][]> {
  const { rollouts, weights, prompts, each, promptsAtOnce, key, group, signal } = writing;
  const [index, size] = [group?.index ?? 0, group?.size ?? 1];
  const numChunks = Math.ceil(prompts.length / promptsAtOnce);
  const own: AnswerTokens[] = [];
  for (let chunk = index; chunk < numChunks; chunk += size) {
    if (size === 1) signal?.throwIfAborted(); // several would have to agree
    const some = prompts.slice(chunk * promptsAtOnce, (chunk + 1) * promptsAtOnce);
    const repeated = some.flatMap((prompt) => Array.from({ length: each }, () => prompt));
    const written = await rollouts.write(weights, repeated, fold(key, chunk));
    own.push(...written.map(({ tokens, stopped }) => ({ tokens, stopped })));
  }
  const all = size === 1 || group === undefined ? [own] : await gathered(own, writing, group);
  const answers: AnswerTokens[][] = [];
  const next = all.map(() => 0); // how much of each process's answers is taken
  for (let prompt = 0; prompt < prompts.length; prompt++) {
    const from = Math.floor(prompt / promptsAtOnce) % size;
    const start = next[from] ?? 0;
    answers.push(all[from]?.slice(start, start + each) ?? []);
    next[from] = start + each;
  }
  return answers;
}

/**
 * The answers of each process. As a tensor of one shape in all of them, a row an answer: its length, whether it was stopped, its tokens, and
 * zeros.
 */
async function gathered<Weights>(
  own: readonly AnswerTokens[],
  { prompts, each, promptsAtOnce, maxTokens }: Writing<Weights>,
  group: Group,
): Promise<AnswerTokens[][]> {
  const width = 2 + maxTokens;
  const most = Math.ceil(Math.ceil(prompts.length / promptsAtOnce) / group.size) * promptsAtOnce * each;
  const numbers = new Int32Array((most + 1) * width);
  numbers[0] = own.length;
  own.forEach(({ tokens, stopped }, row) => {
    numbers.set([tokens.length, stopped ? 1 : 0, ...tokens], (row + 1) * width);
  });
  const told = tf.tensor2d(numbers, [most + 1, width], 'int32');
  const [joined] = await group.allGather([told]);
  const all = Int32Array.from((await joined?.data()) ?? []);
  tf.dispose([told, ...(joined ? [joined] : [])]);
  return Array.from({ length: group.size }, (_, member) => {
    const part = all.subarray(member * (most + 1) * width, (member + 1) * (most + 1) * width);
    return Array.from({ length: part[0] ?? 0 }, (_, row) => {
      const at = (row + 1) * width;
      return { tokens: part.slice(at + 2, at + 2 + (part[at] ?? 0)), stopped: part[at + 1] === 1 };
    });
  });
}
