import type { Key } from '../engine/key.js';
import type { TokenExample } from '../tokens/pack-examples.js';
import type { Model } from './model.js';
import { decoderPolicy } from './policy.js';
import { startRollouts } from './rollout.js';
import type { RolloutPlan } from './rollout.js';

/**
 * Answers that a model writes to prompts, as examples in which the answers count. A student that learns them from its teacher learns the
 * teacher's likeliest sequences, not only its next tokens: sequence-level distillation. Kim & Rush 2016, "Sequence-Level Knowledge
 * Distillation" (1606.07947), take the best of a beam; at temperature 0 an answer is the likeliest token by token.
 *
 * @throws TrainbookError if an option is out of range, a prompt is empty, or leaves no room for `maxTokens` in the context.
 * @example
 * const written = await writeAnswers(teacher, prompts, { batchSize: 64, maxTokens: 48, stops: chat.stops, key: key(1) });
 * const student = await distil(small, { teacher, loss: fromAnswers(), data: packExamples(written, tokenizer, 128), … });
 */
export async function writeAnswers(
  { architecture, weights }: Model,
  prompts: readonly ArrayLike<number>[],
  { key, ...plan }: RolloutPlan & { readonly key: Key },
): Promise<TokenExample[]> {
  const rollouts = startRollouts(decoderPolicy(architecture), plan);
  try {
    const written = await rollouts.write(weights, prompts, key);
    return written.map(({ tokens }, index) => {
      const prompt = Array.from(prompts[index] ?? []);
      return {
        tokens: Int32Array.from([...prompt, ...tokens]),
        counted: Uint8Array.from([...prompt.map(() => 0), ...Array.from(tokens, () => 1)]),
      };
    });
  } finally {
    rollouts.dispose();
  }
}
