import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { permutation } from '../engine/key.js';
import { uniform } from '../engine/random.js';
import { TrainbookError } from '../error.js';
import type { Adapted, AdaptedOptions, AdapterMethod } from './adapter.js';
import { adaptedFrom, checkRoom } from './adapter.js';
import type { Decoder } from './decoder.js';
import { embed } from './embedding.js';
import type { Model } from './model.js';
import { parseOptions } from './parse-options.js';
import { WeightSpec } from './weights.js';

/**
 * Prompt tuning's options; unknown keys are refused.
 *
 * @example
 * promptTuningOptions.parse({ numVirtualTokens: 20, start: 'vocabulary' });
 */
export const promptTuningOptions = z.strictObject({
  numVirtualTokens: z.int().positive().describe('length of the prompt, in tokens; 5 to 100 is usual'),
  start: z
    .enum(['vocabulary', 'random'])
    .default('vocabulary')
    .describe('first embeddings: those of tokens drawn without repetition, or uniform in ±0.5'),
});

export type PromptTuningOptions = z.input<typeof promptTuningOptions>;

/** The learned embeddings. */
export type PromptWeights<Leaf = tf.Tensor> = { readonly embeddings: Leaf }; // [numVirtualTokens, width]

/** A model with a prompt before its tokens. */
export interface Prompted extends Adapted<PromptWeights> {
  /**
   * The logits of the virtual tokens too, as PEFT gives them: [batch, numVirtualTokens + time, vocabulary]. Those of the last
   * virtual token predict the first token, which PEFT's loss counts and a loss on `forward` does not.
   */
  forwardAll(weights: PromptWeights, tokens: tf.Tensor, options?: AdaptedOptions): tf.Tensor3D;
}

/** Prompt tuning with its options. */
export interface PromptTuning extends AdapterMethod<PromptWeights> {
  readonly kind: 'prompt';
  readonly config: z.output<typeof promptTuningOptions>;
  /** The shapes of an adapter's weights. */
  specs(architecture: Decoder): PromptWeights<WeightSpec>;
  adapt(model: Model): Prompted;
}

/** A prompt: how it is made, and its numbers. */
export interface PromptAdapter {
  readonly kind: 'prompt';
  readonly method: PromptTuning;
  readonly weights: PromptWeights;
}

/**
 * logits = model([P; embedding[tokens]]) with embeddings P [numVirtualTokens, width] that are trained; they have positions 0, 1, …,
 * and the tokens those after them. Lester 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning" (2104.08691), where
 * embeddings of real tokens are the better start.
 *
 * @throws TrainbookError if an option is out of range, or a start asks for more tokens than the vocabulary has.
 * @example
 * const method = promptTuning({ numVirtualTokens: 20 });
 * const logits = method.adapt(model).forward(method.init(model, key(1)), tokens); // [batch, time, vocabulary]
 */
export function promptTuning(options: PromptTuningOptions): PromptTuning {
  const config = parseOptions('promptTuning', promptTuningOptions, options);
  const { numVirtualTokens } = config;
  const shapeIn = ({ config: { width } }: Decoder): [number, number] => [numVirtualTokens, width];
  return {
    kind: 'prompt',
    config,
    specs: (architecture) => ({ embeddings: new WeightSpec(shapeIn(architecture), 1 / Math.sqrt(12)) }),
    numParameters: (architecture) => numVirtualTokens * architecture.config.width,
    init: ({ architecture, weights }, key) => {
      if (config.start === 'random')
        return { embeddings: uniform(key, shapeIn(architecture), { min: -0.5, max: 0.5 }) };
      const { vocabularySize } = architecture.config;
      if (numVirtualTokens > vocabularySize)
        throw new TrainbookError({
          what: 'promptTuning: the vocabulary has too few tokens to start from',
          received: `${numVirtualTokens} virtual tokens`,
          expected: `at most ${vocabularySize}`,
          fix: "set start: 'random'",
        });
      const chosen = Int32Array.from(permutation(key, vocabularySize).subarray(0, numVirtualTokens));
      return { embeddings: tf.tidy(() => embed(weights.embedding, tf.tensor1d(chosen, 'int32'))) };
    },
    adapt: (model) => prompted(model, numVirtualTokens),
  };
}

function prompted(model: Model, numVirtualTokens: number): Prompted {
  const { architecture, weights } = model;
  const { width } = architecture.config;
  const hiddenAll: Prompted['hidden'] = ({ embeddings }, tokens, options = {}) => {
    const { documents, positions, prefix, blockPositions, ...reading } = options;
    const given = Object.entries({ documents, positions, prefix, blockPositions }).find(([, one]) => one !== undefined);
    if (given !== undefined)
      throw new TrainbookError({
        what: 'promptTuning: virtual tokens stand before rows of one document from position 0 on',
        received: `${given[0]} of the tokens`,
        expected: 'none',
        fix: 'do not pack documents into one row, or use prefixTuning, whose prefix all documents see',
      });
    checkRoom('promptTuning', architecture, numVirtualTokens, tokens);
    const [batch] = tokens.shape as [number, number];
    const prompt = tf.broadcastTo(tf.expandDims(embeddings, 0), [batch, numVirtualTokens, width]);
    return architecture.hidden(weights, tf.concat([prompt, embed(weights.embedding, tokens)], 1), reading);
  };
  const adapted = adaptedFrom<PromptWeights>(model, (prompt, tokens, options) => {
    const [batch, time] = tokens.shape as [number, number];
    return tf.slice(hiddenAll(prompt, tokens, options), [0, numVirtualTokens, 0], [batch, time, width]);
  });
  return {
    ...adapted,
    forwardAll: (...args) => architecture.logits(weights, hiddenAll(...args)) as tf.Tensor3D,
  };
}
