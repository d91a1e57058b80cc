import { z } from 'zod';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderOptions } from './decoder-options.js';
import { readConfig } from './family.js';
import type { DecoderFamily } from './family.js';
import { linearNames, normNames } from './names.js';

/**
 * What makes a decoder an OPT: Zhang et al. 2022, "OPT: Open Pre-trained Transformer Language Models" (2205.01068): a GPT-2 with ReLU,
 * whose position table has two rows before that of the first token.
 */
export const optOptions = {
  norm: 'layer',
  positions: 'learned',
  firstPosition: 2,
  mlp: 'relu',
  biases: 'all',
  tiedEmbeddings: true,
  context: 2048,
} as const satisfies Partial<DecoderOptions>;

/** Sizes that were published. The one of 350 million parameters is another architecture: its blocks are post-norm. */
export const optSizes = {
  '125m': { layers: 12, width: 768, heads: 12 },
  '1.3b': { layers: 24, width: 2048, heads: 32 },
  '2.7b': { layers: 32, width: 2560, heads: 32 },
  '6.7b': { layers: 32, width: 4096, heads: 32 },
  '13b': { layers: 40, width: 5120, heads: 40 },
  '30b': { layers: 48, width: 7168, heads: 56 },
} as const;

/**
 * An OPT. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = opt('125m', { context: 256 });
 */
export function opt(
  size: keyof typeof optSizes,
  options: Partial<DecoderOptions> & { readonly vocabularySize?: number } = {},
): Decoder {
  return decoder({ ...optOptions, ...optSizes[size], vocabularySize: 50_272, ...options });
}

const mlpNames = { relu: 'relu', gelu: 'geluExact' } as const;
const activationNames = { relu: 'relu', geluExact: 'gelu' } as const;

const schema = z.looseObject({
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  hidden_size: z.int().positive(),
  word_embed_proj_dim: z.int().positive().nullish(),
  ffn_dim: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  activation_function: z.enum(Object.keys(mlpNames) as [keyof typeof mlpNames]).default('relu'),
  dropout: z.number().default(0.1),
  init_std: z.number().positive().default(0.02),
  tie_word_embeddings: z.boolean().default(true),
  // Post-norm blocks, as of the published size of 350 million, are refused, and so is a model without what others have.
  do_layer_norm_before: z.literal(true).default(true),
  _remove_final_layer_norm: z.literal(false).default(false),
  enable_bias: z.literal(true).default(true),
  layer_norm_elementwise_affine: z.literal(true).default(true),
});
// An embedding of another width than the blocks' would need a projection.
const unprojected = schema.refine(
  ({ hidden_size, word_embed_proj_dim }) => word_embed_proj_dim == null || word_embed_proj_dim === hidden_size,
  {
    path: ['word_embed_proj_dim'],
    message: 'must be hidden_size: projected embeddings are not supported',
  },
);

/** PyTorch's LayerNorm: config.json says nothing of it. */
const normEpsilon = 1e-5;

/** OPT in Hugging Face's files. */
export const optFamily: DecoderFamily = {
  modelType: 'opt',
  prefix: 'model.',
  options: (json, source) => {
    const config = readConfig(unprojected, json, source);
    return {
      ...optOptions,
      layers: config.num_hidden_layers,
      width: config.hidden_size,
      heads: config.num_attention_heads,
      context: config.max_position_embeddings,
      hidden: config.ffn_dim,
      mlp: mlpNames[config.activation_function],
      tiedEmbeddings: config.tie_word_embeddings,
      normEpsilon,
      initDeviation: config.init_std,
      dropout: config.dropout,
      vocabularySize: config.vocab_size,
    };
  },
  config: (config) => {
    const { norm, positions, mlp, biases, keyValueHeads, heads, headSize, width, window } = config;
    const isOpt =
      norm === 'layer' &&
      positions === 'learned' &&
      config.firstPosition === optOptions.firstPosition &&
      (mlp === 'relu' || mlp === 'geluExact') &&
      biases === 'all' &&
      keyValueHeads === heads &&
      headSize * heads === width &&
      window === undefined &&
      config.experts === undefined &&
      config.depths === undefined &&
      config.normEpsilon === normEpsilon &&
      !config.queryKeyNorm;
    if (!isOpt) return undefined;
    return {
      architectures: ['OPTForCausalLM'],
      model_type: 'opt',
      activation_function: activationNames[mlp],
      attention_dropout: config.dropout,
      do_layer_norm_before: true,
      dropout: config.dropout,
      enable_bias: true,
      ffn_dim: config.hidden,
      hidden_size: width,
      init_std: config.initDeviation,
      layer_norm_elementwise_affine: true,
      max_position_embeddings: config.context,
      num_attention_heads: heads,
      num_hidden_layers: config.layers,
      tie_word_embeddings: config.tiedEmbeddings,
      vocab_size: config.vocabularySize,
      word_embed_proj_dim: width,
    };
  },
  names: [
    { path: 'embedding', name: 'model.decoder.embed_tokens.weight' },
    { path: 'positions.weight', name: 'model.decoder.embed_positions.weight' },
    ...normNames('layers.*.attentionNorm', 'model.decoder.layers.*.self_attn_layer_norm'),
    ...linearNames('layers.*.attention.query', 'model.decoder.layers.*.self_attn.q_proj'),
    ...linearNames('layers.*.attention.key', 'model.decoder.layers.*.self_attn.k_proj'),
    ...linearNames('layers.*.attention.value', 'model.decoder.layers.*.self_attn.v_proj'),
    ...linearNames('layers.*.attention.output', 'model.decoder.layers.*.self_attn.out_proj'),
    ...normNames('layers.*.mlpNorm', 'model.decoder.layers.*.final_layer_norm'),
    ...linearNames('layers.*.mlp.up', 'model.decoder.layers.*.fc1'),
    ...linearNames('layers.*.mlp.down', 'model.decoder.layers.*.fc2'),
    ...normNames('norm', 'model.decoder.final_layer_norm'),
    { path: 'output.weight', name: 'lm_head.weight' },
  ],
};
