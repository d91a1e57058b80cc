import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { fold } from '../engine/key.js';
import { normal } from '../engine/random.js';
import { mapTree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import type { AdapterMethod } from './adapter.js';
import { adaptedFrom, checkRoom } from './adapter.js';
import { countParameters } from './cost.js';
import type { Decoder } from './decoder.js';
import type { KeyValueCache } from './key-value-cache.js';
import { parseOptions } from './parse-options.js';
import { WeightSpec } from './weights.js';

/**
 * Prefix tuning's options; unknown keys are refused.
 *
 * @example
 * prefixTuningOptions.parse({ numVirtualTokens: 20 });
 */
export const prefixTuningOptions = z.strictObject({
  numVirtualTokens: z.int().positive().describe('length of the prefix, in tokens; 5 to 100 is usual'),
});

export type PrefixTuningOptions = z.input<typeof prefixTuningOptions>;

/** The keys and values of each layer: [1, keyValueHeads, numVirtualTokens, headSize]. */
export type PrefixWeights<Leaf = tf.Tensor> = KeyValueCache<Leaf>;

/** Prefix tuning with its options. */
export interface PrefixTuning extends AdapterMethod<PrefixWeights> {
  readonly kind: 'prefix';
  readonly config: z.output<typeof prefixTuningOptions>;
  /** The shapes of an adapter's weights. */
  specs(architecture: Decoder): PrefixWeights<WeightSpec>;
}

/** A prefix: how it is made, and its numbers. */
export interface PrefixAdapter {
  readonly kind: 'prefix';
  readonly method: PrefixTuning;
  readonly weights: PrefixWeights;
}

/**
 * softmax(Q [P_K; K]ᵀ / √headSize) [P_V; V] in each layer, with keys P_K and values P_V that are trained, first drawn from N(0, 1)
 * as in PEFT. Every token sees all of them; the keys are not rotated, and the tokens' positions begin after the prefix. Li and Liang
 * 2021, "Prefix-Tuning: Optimizing Continuous Prompts for Generation" (2101.00190); their network that makes the prefix while it is
 * trained is left out.
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * const method = prefixTuning({ numVirtualTokens: 20 });
 * const logits = method.adapt(model).forward(method.init(model, key(1)), tokens);
 */
export function prefixTuning(options: PrefixTuningOptions): PrefixTuning {
  const config = parseOptions('prefixTuning', prefixTuningOptions, options);
  const { numVirtualTokens } = config;
  const specs = ({ config: { layers, keyValueHeads, headSize } }: Decoder): PrefixWeights<WeightSpec> =>
    Array.from({ length: layers }, () => {
      const spec = new WeightSpec([1, keyValueHeads, numVirtualTokens, headSize], 1);
      return { keys: spec, values: spec };
    });
  return {
    kind: 'prefix',
    config,
    specs,
    numParameters: (architecture) => countParameters(specs(architecture)),
    init: ({ architecture }, key) =>
      mapTree<WeightSpec, tf.Tensor>(specs(architecture), ({ shape }, path) =>
        normal(fold(key, path), shape),
      ) as PrefixWeights,
    adapt: (model) =>
      adaptedFrom(model, (prefix, tokens, reading = {}) => {
        checkPrefix(prefix, specs(model.architecture));
        checkRoom('prefixTuning', model.architecture, numVirtualTokens, tokens);
        const positions = reading.positions && tf.add(reading.positions, tf.scalar(numVirtualTokens, 'int32'));
        return model.architecture.hidden(model.weights, tokens, { ...reading, positions, past: prefix });
      }),
  };
}

/** A layer without its part of the prefix would go unseen. */
function checkPrefix(prefix: PrefixWeights, specs: PrefixWeights<WeightSpec>): void {
  const [received, expected] = [shapesOf(prefix), shapesOf(specs)];
  if (received === expected) return;
  throw new TrainbookError({ what: 'prefixTuning: the prefix does not fit the model', received, expected });
}

function shapesOf(layers: PrefixWeights<{ readonly shape: readonly number[] }>): string {
  const shapes = layers.flatMap(({ keys, values }) => [keys, values].map(({ shape }) => `[${shape.join(', ')}]`));
  return `${layers.length} layers, keys and values of ${[...new Set(shapes)].join(' and ')}`;
}

/**
 * Options that train 0.1 to 0.5 % of a model of 100 to 600 million parameters: `short` where the heads of keys and values are as many as
 * those of queries, or half or a third of them (GPT-2, SmolLM2, Qwen3); `long` where they are fewer, and a prefix is smaller (Qwen2.5).
 */
export const prefixPresets = {
  short: { numVirtualTokens: 20 },
  long: { numVirtualTokens: 100 },
} satisfies Readonly<Record<string, PrefixTuningOptions>>;
