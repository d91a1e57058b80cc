import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderOptions } from './decoder-options.js';

/**
 * What makes a decoder a GLM: Du et al. 2021, "GLM: General Language Model Pretraining with Autoregressive Blank Infilling" (2103.10360): a
 * GPT-2 that reads a prefix both ways (`prefix`) and knows the place of a token within the blank that it fills (`blockPositions`). Batches of
 * `blankLoader` say both. (Models that were later published as ChatGLM or GLM-4 are other architectures.)
 */
export const glmOptions = {
  norm: 'layer',
  positions: 'learned2d',
  mlp: 'gelu',
  biases: 'all',
  tiedEmbeddings: true,
  context: 512,
} as const satisfies Partial<DecoderOptions>;

/** The sizes of the paper, 110 and 340 million parameters: those of BERT. */
export const glmSizes = {
  base: { layers: 12, width: 768, heads: 12 },
  large: { layers: 24, width: 1024, heads: 16 },
} as const;

/**
 * A GLM, with the vocabulary of the uncased English BERT unless another is given. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = glm('base', { vocabularySize: tokenizer.size });
 */
export function glm(
  size: keyof typeof glmSizes,
  options: Partial<DecoderOptions> & { readonly vocabularySize?: number } = {},
): Decoder {
  return decoder({ ...glmOptions, ...glmSizes[size], vocabularySize: 30_522, ...options });
}
