import { z } from 'zod';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import { readConfig } from './family.js';
import type { DecoderFamily } from './family.js';
import { isLlamaLike, llamaLikeConfig, llamaLikeOptions, llamaNames, llamaOptions, llamaSchema } from './llama.js';

/** Qwen2 and 2.5: a Llama whose queries, keys and values have biases. Yang et al. 2024 (2407.10671, 2412.15115). */
export const qwen2Options = {
  ...llamaOptions,
  biases: 'queryKeyValue',
  rotaryBase: 1_000_000,
  normEpsilon: 1e-6,
} as const;

/** Qwen3: a Llama whose queries and keys are normed, with heads of 128 features whatever the width. Yang et al. 2025 (2505.09388). */
export const qwen3Options = {
  ...llamaOptions,
  queryKeyNorm: true,
  headSize: 128,
  rotaryBase: 1_000_000,
  normEpsilon: 1e-6,
} as const;

/** Sizes that were published. */
export const qwen2Sizes = {
  '0.5b': {
    layers: 24,
    width: 896,
    heads: 14,
    keyValueHeads: 2,
    hidden: 4864,
    context: 32_768,
    tiedEmbeddings: true,
    vocabularySize: 151_936,
  },
  '1.5b': {
    layers: 28,
    width: 1536,
    heads: 12,
    keyValueHeads: 2,
    hidden: 8960,
    context: 32_768,
    tiedEmbeddings: true,
    vocabularySize: 151_936,
  },
  '7b': {
    layers: 28,
    width: 3584,
    heads: 28,
    keyValueHeads: 4,
    hidden: 18_944,
    context: 32_768,
    tiedEmbeddings: false,
    vocabularySize: 152_064,
  },
} as const;
export const qwen3Sizes = {
  '0.6b': {
    layers: 28,
    width: 1024,
    heads: 16,
    keyValueHeads: 8,
    hidden: 3072,
    context: 40_960,
    tiedEmbeddings: true,
    vocabularySize: 151_936,
  },
  '1.7b': {
    layers: 28,
    width: 2048,
    heads: 16,
    keyValueHeads: 8,
    hidden: 6144,
    context: 40_960,
    tiedEmbeddings: true,
    vocabularySize: 151_936,
  },
  '8b': {
    layers: 36,
    width: 4096,
    heads: 32,
    keyValueHeads: 8,
    hidden: 12_288,
    context: 40_960,
    tiedEmbeddings: false,
    vocabularySize: 151_936,
  },
} as const;

type Other = Partial<DecoderOptions> & { readonly vocabularySize?: number };

/**
 * A Qwen2 (or 2.5). Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = qwen2('0.5b', { layers: 4 });
 */
export function qwen2(size: keyof typeof qwen2Sizes, options: Other = {}): Decoder {
  return decoder({ ...qwen2Options, ...qwen2Sizes[size], ...options });
}

/**
 * A Qwen3. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = qwen3('0.6b', { layers: 4 });
 */
export function qwen3(size: keyof typeof qwen3Sizes, options: Other = {}): Decoder {
  return decoder({ ...qwen3Options, ...qwen3Sizes[size], ...options });
}

/** Layers from max_window_layers on slide, if any do. */
export const windowSchema = llamaSchema.extend({
  use_sliding_window: z.boolean().default(false),
  sliding_window: z.int().nonnegative().nullish(),
  max_window_layers: z.int().nonnegative().nullish(),
});

export function windowOptions(config: z.output<typeof windowSchema>): Pick<DecoderOptions, 'window'> {
  const {
    use_sliding_window: slides,
    sliding_window: size,
    max_window_layers: fromLayer,
    num_hidden_layers: layers,
  } = config;
  if (!slides || size == null || size === 0 || (fromLayer ?? 0) >= layers) return {};
  return { window: { size, fromLayer: fromLayer ?? 0 } };
}

export function windowConfig({
  window,
  layers,
}: DecoderConfig): Record<string, string | number | boolean | null | string[]> {
  const from = window?.fromLayer ?? layers;
  return {
    use_sliding_window: window !== undefined,
    sliding_window: window?.size ?? null,
    ...(window === undefined ? {} : { max_window_layers: from }),
    layer_types: Array.from({ length: layers }, (_, layer) => (layer >= from ? 'sliding_attention' : 'full_attention')),
  };
}

/** Qwen2 in Hugging Face's files. */
export const qwen2Family: DecoderFamily = {
  modelType: 'qwen2',
  prefix: 'model.',
  options: (json, source) => {
    const config = readConfig(windowSchema, json, source);
    return { ...llamaLikeOptions(config, source), biases: 'queryKeyValue', ...windowOptions(config) };
  },
  config: (config) => {
    const { biases, queryKeyNorm, headSize, heads, width } = config;
    if (!isLlamaLike(config) || biases !== 'queryKeyValue' || queryKeyNorm || headSize * heads !== width)
      return undefined;
    return {
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      ...llamaLikeConfig(config),
      ...windowConfig(config),
    };
  },
  names: llamaNames,
};

/** Qwen3 in Hugging Face's files. */
export const qwen3Family: DecoderFamily = {
  modelType: 'qwen3',
  prefix: 'model.',
  options: (json, source) => {
    const config = readConfig(windowSchema, json, source);
    return {
      ...llamaLikeOptions(config, source),
      headSize: config.head_dim ?? 128,
      queryKeyNorm: true,
      ...windowOptions(config),
    };
  },
  config: (config) => {
    if (!isLlamaLike(config) || config.biases !== 'none' || !config.queryKeyNorm) return undefined;
    return {
      architectures: ['Qwen3ForCausalLM'],
      model_type: 'qwen3',
      attention_bias: false,
      ...llamaLikeConfig(config),
      ...windowConfig(config),
    };
  },
  names: llamaNames,
};
