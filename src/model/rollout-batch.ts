import * as tf from '@tensorflow/tfjs';
import { fold, uniformNumbers } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { paddedLength } from './decoding.js';
import type { RolloutInputs } from './traced-rollout.js';

/** The sizes of a batch, and what it must have. */
export interface RolloutBatchPlan {
  readonly batchSize: number;
  readonly maxTokens: number;
  /** Tokens that a prompt may have. */
  readonly room: number;
  /** The vocabulary's size, if a repetition penalty asks for what was there before. */
  readonly seenOf: number | undefined;
}

/**
 * The tensors that `traceRollout` wants: prompts padded on the left, each distinct one once where some are equal, as in a group of answers
 * to one question; and the number that draws token t of answer i, from the key fold(keys[i], t).
 *
 * The number of distinct prompts is filled up to a power of two, their length as `paddedLength` says, so that few shapes are compiled.
 *
 * @example
 * const inputs = rolloutBatch([[1, 2], [1, 2]], [fold(root, 0), fold(root, 1)], plan);
 */
export function rolloutBatch(
  prompts: readonly (readonly number[])[],
  keys: readonly Key[],
  { batchSize, maxTokens, room, seenOf }: RolloutBatchPlan,
): RolloutInputs {
  const { distinct, promptOf } = distinctPrompts(prompts, batchSize);
  const time = paddedLength(Math.max(...prompts.map((prompt) => prompt.length)), room);
  const tokens = new Int32Array(distinct.length * time);
  const starts = Int32Array.from(distinct, (prompt) => time - prompt.length);
  distinct.forEach((prompt, index) => {
    tokens.set(prompt, (index + 1) * time - prompt.length);
  });
  const open = Uint8Array.from({ length: batchSize }, (_, index) => (index < prompts.length ? 1 : 0));
  return {
    prompts: tf.tensor2d(tokens, [distinct.length, time], 'int32'),
    starts: tf.tensor1d(starts, 'int32'),
    ...(promptOf === undefined ? {} : { promptOf: tf.tensor1d(promptOf, 'int32') }),
    open: tf.tensor1d(open, 'bool'),
    uniforms: tf.tensor2d(uniformsOf(keys, batchSize, maxTokens), [maxTokens, batchSize]),
    ...(seenOf === undefined ? {} : { seen: seenTokens(prompts, batchSize, seenOf) }),
  };
}

/** The prompts that differ, and where each answer finds its own; all prompts as they are if that would not be fewer rows to read. */
function distinctPrompts(
  prompts: readonly (readonly number[])[],
  batchSize: number,
): { distinct: (readonly number[])[]; promptOf?: Int32Array } {
  const places = new Map<string, number>();
  const promptOf = new Int32Array(batchSize);
  const distinct: (readonly number[])[] = [];
  prompts.forEach((prompt, index) => {
    const name = prompt.join();
    const place = places.get(name) ?? distinct.push(prompt) - 1;
    places.set(name, place);
    promptOf[index] = place;
  });
  const filled = 2 ** Math.ceil(Math.log2(distinct.length));
  const isFewer = distinct.length < prompts.length && filled < batchSize;
  const fill = (rows: readonly (readonly number[])[], length: number): (readonly number[])[] =>
    Array.from({ length }, (_, index) => rows[index] ?? [0]);
  return isFewer ? { distinct: fill(distinct, filled), promptOf } : { distinct: fill(prompts, batchSize) };
}

/** Below 1 in float32 too: [maxTokens × batchSize] */
function uniformsOf(keys: readonly Key[], batchSize: number, maxTokens: number): Float32Array {
  const uniforms = new Float32Array(maxTokens * batchSize);
  keys.forEach((key, answer) => {
    for (let token = 0; token < maxTokens; token++) {
      const [uniform = 0] = uniformNumbers(fold(key, token), 1);
      uniforms[token * batchSize + answer] = Math.min(uniform, belowOne);
    }
  });
  return uniforms;
}

/** The largest float32 below 1. */
const belowOne = 1 - 2 ** -24;

function seenTokens(prompts: readonly (readonly number[])[], batchSize: number, vocabularySize: number): tf.Tensor {
  const seen = new Uint8Array(batchSize * vocabularySize);
  prompts.forEach((prompt, index) => {
    for (const token of prompt) seen[index * vocabularySize + token] = 1;
  });
  return tf.tensor2d(seen, [batchSize, vocabularySize], 'bool');
}
