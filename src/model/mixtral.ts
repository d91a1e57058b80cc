import { z } from 'zod';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderOptions } from './decoder-options.js';
import { mixtralExpertNames, withNames } from './expert-names.js';
import { readConfig } from './family.js';
import type { DecoderFamily } from './family.js';
import { hasLlamaParts, llamaLikeConfig, llamaLikeOptions, llamaNames, llamaOptions, llamaSchema } from './llama.js';

/** Sizes that were published. */
export const mixtralSizes = {
  /** 46.7 billion parameters, of which 12.9 billion are active. */
  '8x7b': {
    layers: 32,
    width: 4096,
    heads: 32,
    keyValueHeads: 8,
    hidden: 14_336,
    context: 32_768,
    rotaryBase: 1_000_000,
    tiedEmbeddings: false,
    vocabularySize: 32_000,
    experts: { number: 8, active: 2, hidden: 14_336 },
  },
} as const satisfies Record<string, DecoderOptions & { readonly vocabularySize: number }>;

/**
 * A Mixtral: a Llama with experts, whose gates are the softmax of the chosen experts' logits. Jiang 2024 (2401.04088). Options put
 * other numbers in place of the published ones.
 *
 * @example
 * const architecture = mixtral('8x7b', { layers: 2, context: 512 });
 */
export function mixtral(
  size: keyof typeof mixtralSizes,
  options: Partial<DecoderOptions> & { readonly vocabularySize?: number } = {},
): Decoder {
  return decoder({ ...llamaOptions, ...mixtralSizes[size], ...options });
}

const schema = llamaSchema.extend({
  num_local_experts: z.int().positive().default(8),
  num_experts_per_tok: z.int().positive().default(2),
  rms_norm_eps: z.number().positive().default(1e-5),
  rope_theta: z.number().positive().default(1_000_000),
  sliding_window: z.int().positive().nullish(),
});

/** Mixtral in Hugging Face's files. */
export const mixtralFamily: DecoderFamily = {
  modelType: 'mixtral',
  prefix: 'model.',
  options: (json, source) => {
    const config = readConfig(schema, json, source);
    return {
      ...llamaLikeOptions(config, source),
      experts: {
        number: config.num_local_experts,
        active: config.num_experts_per_tok,
        hidden: config.intermediate_size,
      },
      ...(config.sliding_window == null ? {} : { window: { size: config.sliding_window } }),
    };
  },
  config: (config) => {
    const { experts, biases, queryKeyNorm, window } = config;
    if (!hasLlamaParts(config) || experts === undefined || biases !== 'none' || queryKeyNorm) return undefined;
    const { scores, normalised, scale, groups, shared, fromLayer, balancedBy } = experts;
    const isPlain = scores === 'softmax' && normalised && scale === 1 && groups === undefined;
    const isWhole = shared === undefined && fromLayer === 0 && balancedBy === 'loss' && (window?.fromLayer ?? 0) === 0;
    if (!isPlain || !isWhole) return undefined;
    return {
      architectures: ['MixtralForCausalLM'],
      model_type: 'mixtral',
      ...llamaLikeConfig(config),
      head_dim: config.headSize * config.heads === config.width ? null : config.headSize,
      intermediate_size: experts.hidden,
      num_local_experts: experts.number,
      num_experts_per_tok: experts.active,
      sliding_window: window?.size ?? null,
    };
  },
  names: withNames(llamaNames, mixtralExpertNames),
};
