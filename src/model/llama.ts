import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import { readConfig } from './family.js';
import type { DecoderFamily } from './family.js';
import { expertNames, latentNames } from './expert-names.js';
import { linearNames, normNames } from './names.js';
import type { NameRule } from './names.js';
import type { RotaryScaling } from './rope-scaling.js';

/** What makes a decoder a Llama: Touvron et al. 2023, "LLaMA" (2302.13971); Llama 3: 2407.21783. */
export const llamaOptions = {
  norm: 'rms',
  positions: 'rotary',
  mlp: 'swiglu',
  biases: 'none',
} as const satisfies Partial<DecoderOptions>;

/** Sizes that were published, with their vocabularies. */
export const llamaSizes = {
  /** SmolLM2 (2502.02737): small Llamas, tied. */
  'smollm2-135m': {
    layers: 30,
    width: 576,
    heads: 9,
    keyValueHeads: 3,
    hidden: 1536,
    context: 8192,
    rotaryBase: 100_000,
    tiedEmbeddings: true,
    vocabularySize: 49_152,
  },
  'smollm2-360m': {
    layers: 32,
    width: 960,
    heads: 15,
    keyValueHeads: 5,
    hidden: 2560,
    context: 8192,
    rotaryBase: 100_000,
    tiedEmbeddings: true,
    vocabularySize: 49_152,
  },
  'smollm2-1.7b': {
    layers: 24,
    width: 2048,
    heads: 32,
    hidden: 8192,
    context: 8192,
    rotaryBase: 130_000,
    tiedEmbeddings: true,
    vocabularySize: 49_152,
  },
  'llama2-7b': {
    layers: 32,
    width: 4096,
    heads: 32,
    hidden: 11_008,
    context: 4096,
    tiedEmbeddings: false,
    vocabularySize: 32_000,
  },
  'llama3-8b': {
    layers: 32,
    width: 4096,
    heads: 32,
    keyValueHeads: 8,
    hidden: 14_336,
    context: 8192,
    rotaryBase: 500_000,
    tiedEmbeddings: false,
    vocabularySize: 128_256,
  },
} as const satisfies Record<string, DecoderOptions & { readonly vocabularySize: number }>;

/**
 * A Llama. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = llama('smollm2-135m', { context: 512 });
 */
export function llama(
  size: keyof typeof llamaSizes,
  options: Partial<DecoderOptions> & { readonly vocabularySize?: number } = {},
): Decoder {
  return decoder({ ...llamaOptions, ...llamaSizes[size], ...options });
}

// Before transformers 4.45 the kind was called `type`; numbers as in config.json of Llama 3.1.
const scalingSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  factor: z.number().positive().default(1),
  original_max_position_embeddings: z.int().positive().optional(),
  attention_factor: z.number().positive().nullish(),
  beta_fast: z.number().positive().nullish(),
  beta_slow: z.number().positive().nullish(),
  truncate: z.boolean().default(true),
  low_freq_factor: z.number().positive().default(1),
  high_freq_factor: z.number().positive().default(4),
  mscale: z.null().optional(),
  mscale_all_dim: z.null().optional(),
});

/** What config.json of Llama and its relatives have in common. */
export const llamaSchema = z.looseObject({
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().nullish(),
  head_dim: z.int().positive().nullish(),
  hidden_act: z.literal('silu').default('silu'),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().default(10_000),
  rope_scaling: scalingSchema.nullish(),
  initializer_range: z.number().positive().default(0.02),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.literal(false).default(false),
  mlp_bias: z.literal(false).default(false),
});
type LlamaJson = z.output<typeof llamaSchema>;

/** The options that all Llama-like config.json describe alike. */
export function llamaLikeOptions(
  config: LlamaJson,
  source: string,
): DecoderOptions & { readonly vocabularySize: number } {
  const scaling = rotaryScalingOf(config, source);
  return {
    ...llamaOptions,
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    heads: config.num_attention_heads,
    keyValueHeads: config.num_key_value_heads ?? config.num_attention_heads,
    ...(config.head_dim == null ? {} : { headSize: config.head_dim }),
    hidden: config.intermediate_size,
    context: config.max_position_embeddings,
    normEpsilon: config.rms_norm_eps,
    rotaryBase: config.rope_theta,
    ...(scaling === undefined ? {} : { rotaryScaling: scaling }),
    tiedEmbeddings: config.tie_word_embeddings,
    initDeviation: config.initializer_range,
    vocabularySize: config.vocab_size,
  };
}

function rotaryScalingOf(config: LlamaJson, source: string): RotaryScaling | undefined {
  if (config.rope_scaling == null) return undefined;
  const { factor, truncate, low_freq_factor, high_freq_factor, ...scaling } = config.rope_scaling;
  const { original_max_position_embeddings: original, attention_factor, beta_fast, beta_slow } = scaling;
  const kind = scaling.rope_type ?? scaling.type ?? 'default';
  const originalContext = original ?? config.max_position_embeddings;
  switch (kind) {
    case 'default':
      return undefined;
    case 'linear':
      return { kind, factor };
    case 'dynamic': // whose original context is always the config's
      return { kind: 'ntk', factor, originalContext: config.max_position_embeddings };
    case 'yarn':
      return {
        kind,
        factor,
        originalContext,
        betaFast: beta_fast ?? 32,
        betaSlow: beta_slow ?? 1,
        wholeBounds: truncate,
        ...(attention_factor == null ? {} : { attentionFactor: attention_factor }),
      };
    case 'llama3':
      return { kind, factor, originalContext, lowFrequency: low_freq_factor, highFrequency: high_freq_factor };
    default:
      throw new TrainbookError({
        what: `${source}: rotary positions are scaled in a way that is not supported here`,
        received: `rope_scaling of type ${JSON.stringify(kind)}`,
        expected: 'linear, dynamic, yarn or llama3',
      });
  }
}

/** config.json of a Llama-like model, but for what makes its family. */
export function llamaLikeConfig(config: DecoderConfig): Record<string, Json> {
  return {
    head_dim: config.headSize,
    hidden_act: 'silu',
    hidden_size: config.width,
    initializer_range: config.initDeviation,
    intermediate_size: config.hidden,
    max_position_embeddings: config.context,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.keyValueHeads,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.rotaryBase,
    ...(config.rotaryScaling === undefined ? {} : { rope_scaling: scalingJson(config.rotaryScaling) }),
    tie_word_embeddings: config.tiedEmbeddings,
    torch_dtype: 'float32',
    vocab_size: config.vocabularySize,
  };
}

function scalingJson(scaling: RotaryScaling): Record<string, Json> {
  const { factor } = scaling;
  switch (scaling.kind) {
    case 'linear':
      return { rope_type: 'linear', factor };
    case 'ntk':
      return { rope_type: 'dynamic', factor };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor,
        original_max_position_embeddings: scaling.originalContext,
        ...(scaling.betaFast === 32 ? {} : { beta_fast: scaling.betaFast }),
        ...(scaling.betaSlow === 1 ? {} : { beta_slow: scaling.betaSlow }),
        ...(scaling.wholeBounds ? {} : { truncate: false }),
        ...(scaling.attentionFactor === undefined ? {} : { attention_factor: scaling.attentionFactor }),
      };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor,
        original_max_position_embeddings: scaling.originalContext,
        low_freq_factor: scaling.lowFrequency,
        high_freq_factor: scaling.highFrequency,
      };
  }
}

/** Whether a decoder has the parts that all Llama-like families share, but for its MLPs, or experts in their place. */
export function hasLlamaParts({ norm, positions, mlp, latent, depths }: DecoderConfig): boolean {
  const isWhole = latent === undefined && depths === undefined;
  return norm === 'rms' && positions === 'rotary' && mlp === 'swiglu' && isWhole;
}

/** The same without experts. */
export function isLlamaLike(config: DecoderConfig): boolean {
  return hasLlamaParts(config) && config.experts === undefined;
}

/** The names of Llama's weights; those of decoders that are of no family too. */
export const llamaNames: readonly NameRule[] = [
  { path: 'embedding', name: 'model.embed_tokens.weight' },
  { path: 'positions.weight', name: 'model.embed_positions.weight' },
  { path: 'positions.block', name: 'model.embed_block_positions.weight' },
  ...normNames('layers.*.attentionNorm', 'model.layers.*.input_layernorm'),
  ...linearNames('layers.*.attention.query', 'model.layers.*.self_attn.q_proj'),
  ...linearNames('layers.*.attention.key', 'model.layers.*.self_attn.k_proj'),
  ...linearNames('layers.*.attention.value', 'model.layers.*.self_attn.v_proj'),
  ...linearNames('layers.*.attention.output', 'model.layers.*.self_attn.o_proj'),
  ...normNames('layers.*.attention.queryNorm', 'model.layers.*.self_attn.q_norm'),
  ...normNames('layers.*.attention.keyNorm', 'model.layers.*.self_attn.k_norm'),
  ...normNames('layers.*.mlpNorm', 'model.layers.*.post_attention_layernorm'),
  ...latentNames,
  ...expertNames,
  ...linearNames('layers.*.mlp.gate', 'model.layers.*.mlp.gate_proj'),
  ...linearNames('layers.*.mlp.up', 'model.layers.*.mlp.up_proj'),
  ...linearNames('layers.*.mlp.down', 'model.layers.*.mlp.down_proj'),
  ...normNames('norm', 'model.norm'),
  { path: 'output.weight', name: 'lm_head.weight' },
];

/** Llama in Hugging Face's files; SmolLM2 is one. */
export const llamaFamily: DecoderFamily = {
  modelType: 'llama',
  prefix: 'model.',
  options: (json, source) => llamaLikeOptions(readConfig(llamaSchema, json, source), source),
  config: (config) => {
    const plain = config.biases === 'none' && !config.queryKeyNorm && config.window === undefined;
    if (!isLlamaLike(config) || !plain) return undefined;
    return {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      attention_bias: false,
      mlp_bias: false,
      ...llamaLikeConfig(config),
    };
  },
  names: llamaNames,
};
