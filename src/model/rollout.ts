import * as tf from '@tensorflow/tfjs';
import { isNative } from '../engine/backend.js';
import { compile } from '../engine/compile.js';
import type { Compiled, Target } from '../engine/compile.js';
import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { choiceOptions } from './choice.js';
import type { Choice, ChoiceOptions } from './choice.js';
import { notNumbers } from './choose-token.js';
import { parseOptions } from './parse-options.js';
import type { Policy } from './policy.js';
import { rolloutBatch } from './rollout-batch.js';
import { stepwiseWriter } from './stepwise-rollout.js';
import type { BatchWriter } from './stepwise-rollout.js';
import { traceRollout } from './traced-rollout.js';
import type { RolloutInputs, RolloutOutputs } from './traced-rollout.js';

/** An answer that a policy wrote. */
export interface Rollout {
  /** With the token that ended it, where one did. */
  readonly tokens: Int32Array;
  /**
   * ln p of each token when it was drawn: of softmax(logits / temperature), before penalties and filters (top-k, top-p, min-p); at
   * temperature 0 of softmax(logits). TRL's trainers divide by the temperature, too, where they compute log-probabilities.
   */
  readonly logProbabilities: Float32Array;
  /** Whether a stop token ended it; else it has as many tokens as there may be. */
  readonly stopped: boolean;
}

/** An answer without what its policy thought of it. */
export type AnswerTokens = Omit<Rollout, 'logProbabilities'>;

/** How answers are written. */
export interface RolloutPlan extends ChoiceOptions {
  /** Answers that are written at a time. */
  readonly batchSize: number;
  /** Tokens of an answer, at most. */
  readonly maxTokens: number;
  /** Tokens that end an answer. */
  readonly stops: readonly number[];
  /** How it runs, as for `compile`: XLA writes faster, the graph executor begins sooner. */
  readonly target?: Target | undefined;
}

/** Writes answers with the weights that it is given: what was compiled serves all of them. */
export interface Rollouts<Weights> {
  /**
   * One answer for each prompt, in their order. Token t of answer i is drawn with the key fold(fold(key, numbers[i]), t): an answer does
   * not depend on those beside it but for rounding. `numbers` are 0, 1, 2, … unless they are given: several processes that share the
   * prompts write what one would.
   *
   * @throws TrainbookError if a prompt is empty, or leaves no room for `maxTokens` in the context; if the logits are not numbers.
   */
  write(
    weights: Weights,
    prompts: readonly ArrayLike<number>[],
    key: Key,
    numbers?: readonly number[],
  ): Promise<Rollout[]>;
  /** Lets go of what was compiled. Between calls nothing else is held: caches live as long as a call. */
  dispose(): void;
}

/**
 * Makes a policy ready to write many answers, as reinforcement learning, distillation and self-improvement need them.
 *
 * A batch of whole answers is one call of a compiled function: a loop over its tokens, with the keys and values in the loop's state and
 * the tokens drawn inside, which ends when all answers have. Equal prompts, as in groups of answers to one question, are read once; rows
 * of answers that have ended are left out when they are three quarters. Each length of padded prompts is compiled on its own, which takes seconds:
 * lengths are powers of two, or multiples of 64. Without libtensorflow tokens are drawn one by one outside.
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * const rollouts = startRollouts(decoderPolicy(architecture), { batchSize: 64, maxTokens: 48, stops: chat.stops });
 * const answers = await rollouts.write(weights, [chat.prompt(asked)], key(1));
 */
export function startRollouts<Weights>(policy: Policy<Weights>, plan: RolloutPlan): Rollouts<Weights> {
  const { batchSize, maxTokens, stops, target, ...options } = plan;
  const choice = parseOptions('startRollouts', choiceOptions, options);
  checkCounts({ batchSize, maxTokens });
  const { context } = policy.architecture.config;
  const parts = { batchSize, maxTokens, stops, choice };
  let writer: BatchWriter<Weights> | undefined;
  return {
    write: async (weights, prompts, key, numbers) => {
      const rows = prompts.map((prompt) => Array.from(prompt));
      rows.forEach((row, index) => {
        checkRoom(row.length, index, maxTokens, context);
      });
      writer ??= isNative() ? compiledWriter(policy, { ...parts, target }) : stepwiseWriter(policy, parts);
      const written: Rollout[] = [];
      for (let start = 0; start < rows.length; start += batchSize) {
        const some = rows.slice(start, start + batchSize);
        const keys = some.map((_, place) => fold(key, numbers?.[start + place] ?? start + place));
        written.push(...(await writer(weights, some, keys)));
      }
      return written;
    },
    dispose: () => {
      writer = undefined;
    },
  };
}

/** Whole batches of answers, each in one call. */
function compiledWriter<Weights>(
  policy: Policy<Weights>,
  plan: Pick<RolloutPlan, 'batchSize' | 'maxTokens' | 'stops' | 'target'> & { readonly choice: Choice },
): BatchWriter<Weights> {
  const { batchSize, maxTokens, stops, choice, target } = plan;
  const { context, vocabularySize } = policy.architecture.config;
  const seenOf = choice.repetitionPenalty === undefined ? undefined : vocabularySize;
  const sizes = { batchSize, maxTokens, room: context - maxTokens + 1, seenOf };
  const ends = new Set(stops);
  const write: Compiled<[Weights, RolloutInputs], RolloutOutputs> = compile(
    (weights: Weights, inputs: RolloutInputs) => traceRollout(policy, { maxTokens, stops, choice }, weights, inputs),
    { name: 'rollout', ...(target === undefined ? {} : { target }) },
  );
  return async (weights, prompts, keys) => {
    const inputs = rolloutBatch(prompts, keys, sizes);
    const outputs = await write(weights, inputs);
    const [tokens, logProbabilities] = (await Promise.all([
      outputs.tokens.data(),
      outputs.logProbabilities.data(),
    ])) as [Int32Array, Float32Array];
    tf.dispose([inputs, outputs]);
    return prompts.map((_, answer) => {
      const [start, most] = [answer * maxTokens, (answer + 1) * maxTokens];
      const all = tokens.subarray(start, most);
      const end = all.findIndex((token) => ends.has(token));
      const length = end < 0 ? maxTokens : end + 1;
      const own = logProbabilities.slice(start, start + length);
      if (own.some((value) => Number.isNaN(value))) throw notNumbers();
      return { tokens: all.slice(0, length), logProbabilities: own, stopped: end >= 0 };
    });
  };
}

function checkCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (Number.isInteger(count) && count >= 1) continue;
    throw new TrainbookError({
      what: `startRollouts: ${name} must be a whole number`,
      received: count,
      expected: 'at least 1',
    });
  }
}

function checkRoom(length: number, index: number, maxTokens: number, context: number): void {
  if (length > 0 && length + maxTokens - 1 <= context) return;
  throw new TrainbookError({
    what:
      length === 0 ? `rollout: prompt ${index} has no tokens` : `rollout: prompt ${index} leaves no room for an answer`,
    received: `${length} tokens, and ${maxTokens} of an answer`,
    expected: `at least 1, and together at most ${context + 1}: the context and the last token, which is not read`,
    fix: 'shorten the prompt or maxTokens, or take a model with a longer context',
  });
}
