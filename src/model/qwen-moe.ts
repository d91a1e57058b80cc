import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import type { ExpertsConfig } from './experts-options.js';
import { readConfig } from './family.js';
import type { DecoderFamily } from './family.js';
import { hasLlamaParts, llamaLikeConfig, llamaLikeOptions, llamaNames } from './llama.js';
import { qwen2Options, qwen3Options, windowConfig, windowOptions, windowSchema } from './qwen.js';

/** Sizes that were published. */
export const qwen2MoeSizes = {
  /** 14.3 billion parameters, of which 2.7 billion are active. */
  'a2.7b': {
    layers: 24,
    width: 2048,
    heads: 16,
    hidden: 5632,
    context: 8192,
    tiedEmbeddings: false,
    vocabularySize: 151_936,
    experts: { number: 60, active: 4, hidden: 1408, shared: { hidden: 5632, gated: true }, normalised: false },
  },
} as const satisfies Record<string, DecoderOptions & { readonly vocabularySize: number }>;
export const qwen3MoeSizes = {
  /** 30.5 billion parameters, of which 3.3 billion are active. */
  '30b-a3b': {
    layers: 48,
    width: 2048,
    heads: 32,
    keyValueHeads: 4,
    hidden: 6144,
    context: 40_960,
    tiedEmbeddings: false,
    vocabularySize: 151_936,
    experts: { number: 128, active: 8, hidden: 768 },
  },
} as const satisfies Record<string, DecoderOptions & { readonly vocabularySize: number }>;

type Other = Partial<DecoderOptions> & { readonly vocabularySize?: number };

/**
 * A Qwen2 with experts, fine-grained and one that is shared: Yang et al. 2024 (2407.10671), section 2.2.2. Options put other numbers in
 * place of the published ones.
 *
 * @example
 * const architecture = qwen2Moe('a2.7b', { layers: 4 });
 */
export function qwen2Moe(size: keyof typeof qwen2MoeSizes, options: Other = {}): Decoder {
  return decoder({ ...qwen2Options, ...qwen2MoeSizes[size], ...options });
}

/**
 * A Qwen3 with experts: Yang et al. 2025 (2505.09388). Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = qwen3Moe('30b-a3b', { layers: 4 });
 */
export function qwen3Moe(size: keyof typeof qwen3MoeSizes, options: Other = {}): Decoder {
  return decoder({ ...qwen3Options, ...qwen3MoeSizes[size], ...options });
}

const schema = windowSchema.extend({
  moe_intermediate_size: z.int().positive(),
  num_experts: z.int().positive().optional(), // before transformers 5.0
  num_local_experts: z.int().positive().optional(),
  num_experts_per_tok: z.int().positive(),
  norm_topk_prob: z.boolean().default(false),
  decoder_sparse_step: z.literal(1).default(1),
  mlp_only_layers: z.array(z.int().nonnegative()).nullish(),
});
const sharedSchema = schema.extend({
  shared_expert_intermediate_size: z.int().positive(),
  qkv_bias: z.literal(true).default(true),
});

/** @throws TrainbookError where dense layers stand anywhere but before all others. */
function expertsOf(config: z.output<typeof schema>, source: string): NonNullable<DecoderOptions['experts']> {
  const dense = [...(config.mlp_only_layers ?? [])].sort((a, b) => a - b);
  if (dense.some((layer, index) => layer !== index)) {
    throw new TrainbookError({
      what: `${source}: layers without experts stand between those with experts, which is not supported here`,
      received: `mlp_only_layers ${JSON.stringify(dense)}`,
      expected: 'none, or the first layers: [0, 1, …]',
    });
  }
  const number = config.num_experts ?? config.num_local_experts;
  if (number === undefined) {
    throw new TrainbookError({
      what: `${source} does not say how many experts there are`,
      received: 'no num_experts',
      expected: 'a number',
    });
  }
  return {
    number,
    active: config.num_experts_per_tok,
    hidden: config.moe_intermediate_size,
    normalised: config.norm_topk_prob,
    fromLayer: dense.length,
  };
}

/** The experts' part of config.json, or undefined if they are none of Qwen's. */
function expertsJson({ experts }: DecoderConfig): Record<string, Json> | undefined {
  if (experts === undefined) return undefined;
  const { scores, scale, groups, balancedBy, normalised, fromLayer } = experts;
  if (scores !== 'softmax' || scale !== 1 || groups !== undefined || balancedBy !== 'loss') return undefined;
  return {
    decoder_sparse_step: 1,
    mlp_only_layers: Array.from({ length: fromLayer }, (_, layer) => layer),
    moe_intermediate_size: experts.hidden,
    norm_topk_prob: normalised,
    num_experts: experts.number,
    num_experts_per_tok: experts.active,
  };
}

/** Qwen2-MoE in Hugging Face's files. */
export const qwen2MoeFamily: DecoderFamily = {
  modelType: 'qwen2_moe',
  prefix: 'model.',
  options: (json, source) => {
    const config = readConfig(sharedSchema, json, source);
    const shared = { hidden: config.shared_expert_intermediate_size, gated: true };
    return {
      ...llamaLikeOptions(config, source),
      biases: 'queryKeyValue',
      ...windowOptions(config),
      experts: { ...expertsOf(config, source), shared },
    };
  },
  config: (config) => {
    const { biases, queryKeyNorm, headSize, heads, width } = config;
    const json = expertsJson(config);
    const shared: ExpertsConfig['shared'] = config.experts?.shared;
    const isQwen2 = biases === 'queryKeyValue' && !queryKeyNorm && headSize * heads === width;
    if (!hasLlamaParts(config) || !isQwen2 || json === undefined || shared?.gated !== true) return undefined;
    return {
      architectures: ['Qwen2MoeForCausalLM'],
      model_type: 'qwen2_moe',
      ...llamaLikeConfig(config),
      ...windowConfig(config),
      ...json,
      qkv_bias: true,
      shared_expert_intermediate_size: shared.hidden,
    };
  },
  names: llamaNames,
};

/** Qwen3-MoE in Hugging Face's files. */
export const qwen3MoeFamily: DecoderFamily = {
  modelType: 'qwen3_moe',
  prefix: 'model.',
  options: (json, source) => {
    const config = readConfig(schema, json, source);
    return {
      ...llamaLikeOptions(config, source),
      headSize: config.head_dim ?? 128,
      queryKeyNorm: true,
      ...windowOptions(config),
      experts: expertsOf(config, source),
    };
  },
  config: (config) => {
    const json = expertsJson(config);
    const isQwen3 = config.biases === 'none' && config.queryKeyNorm && config.experts?.shared === undefined;
    if (!hasLlamaParts(config) || !isQwen3 || json === undefined) return undefined;
    return {
      architectures: ['Qwen3MoeForCausalLM'],
      model_type: 'qwen3_moe',
      attention_bias: false,
      ...llamaLikeConfig(config),
      ...windowConfig(config),
      ...json,
    };
  },
  names: llamaNames,
};
