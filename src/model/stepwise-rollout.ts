import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import type { Choice } from './choice.js';
import { tokenChooser } from './choose-token.js';
import { startDecoding } from './decoding.js';
import { generate } from './generate.js';
import type { Policy } from './policy.js';
import type { Rollout } from './rollout.js';
import type { DecoderWeights } from './weights.js';

/** Writes one answer for each prompt, as many as a batch has at most; answer i is drawn with `keys[i]`. */
export type BatchWriter<Weights> = (
  weights: Weights,
  prompts: readonly (readonly number[])[],
  keys: readonly Key[],
) => Promise<Rollout[]>;

/**
 * Answers token by token, where there is no libtensorflow: a call of the model for each token of the batch, whose logits come out, and
 * tokens are drawn here.
 *
 * @example
 * const write = stepwiseWriter(policy, { batchSize: 8, maxTokens: 32, stops: [0], choice: { temperature: 1 } });
 */
export function stepwiseWriter<Weights>(
  policy: Policy<Weights>,
  plan: {
    readonly batchSize: number;
    readonly maxTokens: number;
    readonly stops: readonly number[];
    readonly choice: Choice;
  },
): BatchWriter<Weights> {
  const { batchSize, maxTokens, choice } = plan;
  const choose = tokenChooser(choice);
  const ends = new Set(plan.stops);
  // A decoding takes a policy's weights as it takes a decoder's: it only hands them to `decode`.
  const architecture = {
    ...policy.architecture,
    decode: (...[weights, tokens, row, cache, starts]: Parameters<typeof policy.architecture.decode>) =>
      policy.decode(weights as unknown as Weights, tokens, row, cache, starts),
  };
  return async (weights, prompts, keys) => {
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    const filled = Array.from({ length: batchSize }, (_, index) => prompts[index] ?? [0]);
    const decoding = startDecoding(
      { architecture, weights: weights as unknown as DecoderWeights },
      { batch: batchSize, length: longest + maxTokens - 1 },
    );
    const answers = prompts.map(() => ({ tokens: [] as number[], logProbabilities: [] as number[], stopped: false }));
    try {
      for await (const { sequence, token } of generate(decoding, filled, {
        choose: (logits, sequence, tokens) => {
          const own = keys[sequence];
          if (own === undefined) return 0; // fills the batch up
          const chosen = choose(logits, fold(own, tokens.length - (filled[sequence]?.length ?? 0)), tokens);
          answers[sequence]?.logProbabilities.push(logProbability(logits, chosen, choice.temperature));
          return chosen;
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
    return answers.map(({ tokens, logProbabilities, stopped }) => ({
      tokens: Int32Array.from(tokens),
      logProbabilities: Float32Array.from(logProbabilities),
      stopped,
    }));
  };
}

/** ln softmax(logits / temperature) of a token; at temperature 0 that of the logits. */
function logProbability(logits: Float32Array, token: number, temperature: number): number {
  const divisor = temperature === 0 ? 1 : temperature;
  let highest = -Infinity;
  for (const logit of logits) highest = Math.max(highest, logit);
  let total = 0;
  for (const logit of logits) total += Math.exp((logit - highest) / divisor);
  return ((logits[token] ?? NaN) - highest) / divisor - Math.log(total);
}
