import { z } from 'zod';
import type { Json } from '../files.js';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import { deepSeekExpertNames, withNames } from './expert-names.js';
import { readConfig } from './family.js';
import type { DecoderFamily, HuggingFaceConfig } from './family.js';
import { llamaLikeConfig, llamaLikeOptions, llamaNames, llamaOptions, llamaSchema } from './llama.js';

/** What makes a decoder a DeepSeek-V3: latent attention, experts by sigmoid scores, balanced by a bias. DeepSeek 2024 (2412.19437). */
export const deepSeekV3Options = { ...llamaOptions, normEpsilon: 1e-6, tiedEmbeddings: false } as const;

/** Sizes that were published. */
export const deepSeekV3Sizes = {
  /** 671 billion parameters, of which 37 billion are active; without its module that predicts a second token. */
  '671b': {
    layers: 61,
    width: 7168,
    heads: 128,
    hidden: 18_432,
    context: 4096,
    vocabularySize: 129_280,
    latent: { keyValueRank: 512, queryRank: 1536, plainSize: 128, rotarySize: 64, valueSize: 128 },
    experts: {
      number: 256,
      active: 8,
      hidden: 2048,
      fromLayer: 3,
      shared: { hidden: 2048 },
      scores: 'sigmoid',
      scale: 2.5,
      groups: { number: 8, active: 4 },
      balancedBy: 'bias',
    },
  },
} as const satisfies Record<string, DecoderOptions & { readonly vocabularySize: number }>;

/**
 * A DeepSeek-V3. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = deepSeekV3('671b', { layers: 4, context: 512 });
 */
export function deepSeekV3(
  size: keyof typeof deepSeekV3Sizes,
  options: Partial<DecoderOptions> & { readonly vocabularySize?: number } = {},
): Decoder {
  return decoder({ ...deepSeekV3Options, ...deepSeekV3Sizes[size], ...options });
}

const schema = llamaSchema.extend({
  kv_lora_rank: z.int().positive(),
  q_lora_rank: z.int().positive().nullish(),
  qk_nope_head_dim: z.int().positive(),
  qk_rope_head_dim: z.int().positive(),
  v_head_dim: z.int().positive(),
  n_routed_experts: z.int().positive(),
  n_shared_experts: z.int().positive(),
  num_experts_per_tok: z.int().positive(),
  moe_intermediate_size: z.int().positive(),
  first_k_dense_replace: z.int().nonnegative(),
  norm_topk_prob: z.boolean().default(true),
  routed_scaling_factor: z.number().positive().default(1),
  n_group: z.int().positive().default(1),
  topk_group: z.int().positive().default(1),
  rope_interleave: z.literal(true).default(true),
  num_nextn_predict_layers: z.int().nonnegative().nullish(),
});

/** mscale and mscale_all_dim of YaRN, which say what cos and sin, and what scores, are multiplied by. */
const scales = z.looseObject({
  factor: z.number().min(1).default(1),
  mscale: z.number().nonnegative().default(1),
  mscale_all_dim: z.number().nonnegative().default(0),
});

/** 0.1 m ln(factor) + 1. Peng 2023 (2309.00071), with a factor m of DeepSeek's. */
const magnitude = (factor: number, m: number): number => 0.1 * m * Math.log(factor) + 1;

/** config.json as Llama's is, and what scores are multiplied by beside 1/√headSize. */
function withScoreScale(json: HuggingFaceConfig): { readonly plain: HuggingFaceConfig; readonly scoreScale: number } {
  const { rope_scaling: scaling, ...rest } = json;
  const parsed = scales.safeParse(scaling);
  if (!parsed.success || scaling === null || scaling === undefined) return { plain: json, scoreScale: 1 };
  const { mscale, mscale_all_dim: all, ...others } = parsed.data;
  const { factor } = others;
  return {
    plain: {
      ...rest,
      rope_scaling: { ...others, attention_factor: magnitude(factor, mscale) / magnitude(factor, all) },
    },
    scoreScale: all === 0 ? 1 : magnitude(factor, all) ** 2,
  };
}

/** DeepSeek-V3 in Hugging Face's files. */
export const deepSeekV3Family: DecoderFamily = {
  modelType: 'deepseek_v3',
  prefix: 'model.',
  options: (json, source) => {
    const { plain, scoreScale } = withScoreScale(json);
    const config = readConfig(schema, plain, source);
    const { keyValueHeads: _heads, headSize: _size, ...like } = llamaLikeOptions(config, source);
    return {
      ...like,
      latent: {
        keyValueRank: config.kv_lora_rank,
        ...(config.q_lora_rank == null ? {} : { queryRank: config.q_lora_rank }),
        plainSize: config.qk_nope_head_dim,
        rotarySize: config.qk_rope_head_dim,
        valueSize: config.v_head_dim,
        scoreScale,
      },
      ...(config.first_k_dense_replace < config.num_hidden_layers && { experts: expertsOf(config) }),
    };
  },
  config: (config) => {
    const { norm, positions, mlp, latent, experts } = config;
    const isDeepSeek = norm === 'rms' && positions === 'rotary' && mlp === 'swiglu' && config.window === undefined;
    if (config.depths !== undefined) return undefined;
    const json = expertsJson(config);
    if (!isDeepSeek || latent === undefined || experts === undefined || json === undefined) return undefined;
    const { head_dim: _size, rope_scaling: scaling, ...like } = llamaLikeConfig(config);
    const scaled = scalingJson(config, scaling);
    if (scaled === undefined) return undefined;
    return {
      architectures: ['DeepseekV3ForCausalLM'],
      model_type: 'deepseek_v3',
      attention_bias: false,
      ...like,
      num_key_value_heads: config.heads,
      kv_lora_rank: latent.keyValueRank,
      q_lora_rank: latent.queryRank ?? null,
      qk_nope_head_dim: latent.plainSize,
      qk_rope_head_dim: latent.rotarySize,
      v_head_dim: latent.valueSize,
      rope_interleave: true,
      num_nextn_predict_layers: 0,
      ...json,
      ...scaled,
    };
  },
  names: withNames(llamaNames, deepSeekExpertNames),
};

function expertsOf(config: z.output<typeof schema>): NonNullable<DecoderOptions['experts']> {
  const { n_group: groups, topk_group: activeGroups } = config;
  return {
    number: config.n_routed_experts,
    active: config.num_experts_per_tok,
    hidden: config.moe_intermediate_size,
    fromLayer: config.first_k_dense_replace,
    shared: { hidden: config.moe_intermediate_size * config.n_shared_experts },
    scores: 'sigmoid',
    normalised: config.norm_topk_prob,
    scale: config.routed_scaling_factor,
    balancedBy: 'bias',
    ...(groups > 1 && { groups: { number: groups, active: activeGroups } }),
  };
}

/** The experts' part of config.json, or undefined if they are none of DeepSeek's. */
function expertsJson({ experts }: DecoderConfig): Record<string, Json> | undefined {
  if (experts === undefined) return undefined;
  const { scores, shared, hidden, balancedBy, groups } = experts;
  const numShared = (shared?.hidden ?? 0) / hidden;
  if (scores !== 'sigmoid' || balancedBy !== 'bias' || shared?.gated !== false || !Number.isInteger(numShared))
    return undefined;
  return {
    first_k_dense_replace: experts.fromLayer,
    moe_intermediate_size: hidden,
    n_group: groups?.number ?? 1,
    n_routed_experts: experts.number,
    n_shared_experts: numShared,
    norm_topk_prob: experts.normalised,
    num_experts_per_tok: experts.active,
    routed_scaling_factor: experts.scale,
    topk_group: groups?.active ?? 1,
  };
}

/** `rope_scaling` with its mscales; undefined where they cannot say what the model does. */
function scalingJson(
  { latent, rotaryScaling }: DecoderConfig,
  json: Json | undefined,
): Record<string, Json> | undefined {
  const scoreScale = latent?.scoreScale ?? 1;
  if (rotaryScaling === undefined) return scoreScale === 1 ? {} : undefined;
  if (rotaryScaling.kind !== 'yarn') return scoreScale === 1 ? { rope_scaling: json ?? null } : undefined;
  const { factor, attentionFactor } = rotaryScaling;
  const perUnit = 0.1 * Math.log(factor);
  const ofScores = scoreScale === 1 ? 0 : (Math.sqrt(scoreScale) - 1) / perUnit;
  const ofTurns = ((attentionFactor ?? magnitude(factor, 1)) * magnitude(factor, ofScores) - 1) / perUnit;
  const { attention_factor: _factor, ...plain } = json as Record<string, Json>;
  return { rope_scaling: { ...plain, mscale: ofTurns, mscale_all_dim: ofScores } };
}
