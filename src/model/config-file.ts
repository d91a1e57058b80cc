import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import { decoderOptions } from './decoder-options.js';
import type { DecoderConfig } from './decoder-options.js';

/*
 * config.json holds the whole config under `trainbook`; for a model that is a Llama it has Hugging Face's keys beside it, so
 * that transformers loads the folder as it is:
 *
 * {"trainbook":{"format":1,"kind":"decoder","config":{"layers":4,"width":256,…}},"model_type":"llama","hidden_size":256,…}
 */

const fileSchema = z.object({
  trainbook: z.object({
    format: z.literal(1),
    kind: z.literal('decoder'),
    config: decoderOptions.safeExtend({ vocabularySize: z.int().positive() }),
  }),
});

/** The contents of config.json. */
export function configFile({ config }: Decoder): Json {
  const own = { trainbook: { format: 1, kind: 'decoder', config: { ...config } } };
  return isLlama(config) ? { ...llamaConfig(config), ...own } : own;
}

/**
 * The architecture that a config.json describes.
 *
 * @throws TrainbookError if it was not written by trainbook.
 */
export function architectureOf(json: unknown, path: string): Decoder {
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    throw new TrainbookError({
      what: `${path} does not describe a trainbook model: ${z.prettifyError(parsed.error)}`,
      expected: 'the key "trainbook" with format 1 and the config of a decoder',
    });
  }
  return decoder(parsed.data.trainbook.config);
}

function isLlama({ norm, positions, mlp }: DecoderConfig): boolean {
  return norm === 'rms' && positions === 'rotary' && mlp === 'swiglu';
}

function llamaConfig(config: DecoderConfig): Record<string, Json> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    attention_bias: false,
    head_dim: config.width / config.heads,
    hidden_act: 'silu',
    hidden_size: config.width,
    initializer_range: config.initDeviation,
    intermediate_size: config.hidden,
    max_position_embeddings: config.context,
    mlp_bias: false,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.keyValueHeads,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.rotaryBase,
    tie_word_embeddings: config.tiedEmbeddings,
    torch_dtype: 'float32',
    vocab_size: config.vocabularySize,
  };
}
