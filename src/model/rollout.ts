import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { choiceOptions } from './choice.js';
import type { ChoiceOptions } from './choice.js';
import { tokenChooser } from './choose-token.js';
import { startDecoding } from './decoding.js';
import { generate } from './generate.js';
import { parseOptions } from './parse-options.js';
import type { Policy } from './policy.js';
import type { DecoderWeights } from './weights.js';

/** An answer that a policy wrote. */
export interface Rollout {
  /** With the token that ended it, where one did. */
  readonly tokens: Int32Array;
  /** Whether a stop token ended it; else it has as many tokens as there may be. */
  readonly stopped: boolean;
}

/** How answers are written. */
export interface RolloutPlan extends ChoiceOptions {
  /** Answers that are written at a time. */
  readonly batchSize: number;
  /** Tokens of an answer, at most. */
  readonly maxTokens: number;
  /** Tokens that end an answer. */
  readonly stops: readonly number[];
}

/** Writes answers with the weights that it is given: what was compiled serves all of them. */
export interface Rollouts<Weights> {
  /**
   * One answer for each prompt, in their order. Token t of answer i is drawn with the key fold(fold(key, numbers[i]), t): an answer does
   * not depend on those beside it but for rounding. `numbers` are 0, 1, 2, … unless they are given: several processes that share the
   * prompts write what one would.
   *
   * @throws TrainbookError if a prompt is empty, or leaves no room for `maxTokens` in the context.
   */
  write(
    weights: Weights,
    prompts: readonly ArrayLike<number>[],
    key: Key,
    numbers?: readonly number[],
  ): Promise<Rollout[]>;
  dispose(): void;
}

/**
 * Makes a policy ready to write many answers, as reinforcement learning, distillation and self-improvement need them.
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * const rollouts = startRollouts(decoderPolicy(architecture), { batchSize: 64, maxTokens: 48, stops: chat.stops });
 * const answers = await rollouts.write(weights, [chat.prompt(asked)], key(1));
 */
export function startRollouts<Weights>(policy: Policy<Weights>, plan: RolloutPlan): Rollouts<Weights> {
  const { batchSize, maxTokens, stops, ...choice } = plan;
  const choose = tokenChooser(parseOptions('startRollouts', choiceOptions, choice));
  const ends = new Set(stops);
  const { context } = policy.architecture.config;
  // A decoding takes a policy's weights as it takes a decoder's: it only hands them to `decode`.
  const architecture = {
    ...policy.architecture,
    decode: (...[weights, ...rest]: Parameters<typeof policy.architecture.decode>) =>
      policy.decode(weights as unknown as Weights, ...rest),
  };
  const writeSome = async (
    weights: Weights,
    prompts: readonly (readonly number[])[],
    keys: readonly Key[],
  ): Promise<Rollout[]> => {
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    const filled = Array.from({ length: batchSize }, (_, index) => prompts[index] ?? [0]);
    const decoding = startDecoding(
      { architecture, weights: weights as unknown as DecoderWeights },
      { batch: batchSize, length: longest + maxTokens - 1 },
    );
    const answers = prompts.map(() => ({ tokens: [] as number[], stopped: false }));
    try {
      for await (const { sequence, token } of generate(decoding, filled, {
        choose: (logits, sequence, tokens) => {
          const own = keys[sequence];
          if (own === undefined) return 0; // fills the batch up
          return choose(logits, fold(own, tokens.length - (filled[sequence]?.length ?? 0)), tokens);
        },
        maxTokens,
        ends: (token, sequence) => keys[sequence] === undefined || ends.has(token),
      })) {
        const answer = answers[sequence];
        answer?.tokens.push(token);
        if (answer !== undefined) answer.stopped = ends.has(token);
      }
    } finally {
      decoding.dispose();
    }
    return answers.map(({ tokens, stopped }) => ({ tokens: Int32Array.from(tokens), stopped }));
  };
  return {
    write: async (weights, prompts, key, numbers) => {
      const rows = prompts.map((prompt) => Array.from(prompt));
      rows.forEach((row, index) => {
        checkRoom(row.length, index, maxTokens, context);
      });
      const written: Rollout[] = [];
      for (let start = 0; start < rows.length; start += batchSize) {
        const some = rows.slice(start, start + batchSize);
        const keys = some.map((_, place) => fold(key, numbers?.[start + place] ?? start + place));
        written.push(...(await writeSome(weights, some, keys)));
      }
      return written;
    },
    dispose: () => undefined,
  };
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
