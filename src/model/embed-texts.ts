import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import { TrainbookError } from '../error.js';
import { pad } from '../tokens/pad.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import type { Encoder } from './encoder.js';
import type { EncoderWeights } from './encoder-specs.js';
import { meanOfTokens } from './heads/pooling.js';
import type { Pooling } from './heads/pooling.js';
import { sentenceEmbedding } from './heads/sentence-embedding.js';

export interface EmbedTextsOptions {
  /** How the states of a text's tokens become one. Default: their mean. */
  readonly pooling?: Pooling;
  /** Texts that are read at once; by default 32. */
  readonly batchSize?: number;
}

/** Vectors of length 1, one a text. */
export interface TextEmbeddings {
  readonly numTexts: number;
  readonly width: number;
  readonly vectors: Float32Array; // [numTexts, width]
}

/** Few lengths are few shapes to compile. */
const lengthMultiple = 32;

/**
 * Sentence embeddings of texts: framed as the tokenizer does ([CLS] … [SEP]), cut to the context, read longest first in batches, pooled
 * over their tokens, and of length 1. The product of two is their cosine.
 *
 * @throws TrainbookError if there are no texts, or the tokenizer has tokens that the model lacks.
 * @example
 * const model = await loadEncoder('models/all-MiniLM-L6-v2');
 * const { vectors, width } = await embedTexts(model, await loadTokenizer('models/all-MiniLM-L6-v2'), ['A cat.', 'A kitten.']);
 */
export async function embedTexts(
  { architecture, weights }: { readonly architecture: Encoder; readonly weights: EncoderWeights },
  tokenizer: Tokenizer,
  texts: readonly string[],
  { pooling = meanOfTokens, batchSize = 32 }: EmbedTextsOptions = {},
): Promise<TextEmbeddings> {
  const { context, vocabularySize, width } = architecture.config;
  if (texts.length === 0 || tokenizer.size > vocabularySize) {
    throw new TrainbookError({
      what: texts.length === 0 ? 'embedTexts: there are no texts' : 'embedTexts: the tokenizer is not of this model',
      received: texts.length === 0 ? '[]' : `${tokenizer.size} tokens`,
      expected: texts.length === 0 ? 'at least one' : `at most ${vocabularySize}, the model's vocabulary`,
    });
  }
  const numFraming = tokenizer.frame([]).ids.length;
  const sequences = texts.map((text) => tokenizer.frame(tokenizer.encode(text).slice(0, context - numFraming)).ids);
  const order = sequences.map((_, index) => index);
  order.sort((a, b) => (sequences[b]?.length ?? 0) - (sequences[a]?.length ?? 0));
  const embed = compile(
    (values: EncoderWeights, tokens: tf.Tensor, mask: tf.Tensor) =>
      sentenceEmbedding(architecture.forward(values, tokens, { documents: mask }), { mask, pooling }),
    { name: 'embedTexts' },
  );
  const vectors = new Float32Array(texts.length * width);
  for (let start = 0; start < order.length; start += batchSize) {
    const rows = order.slice(start, start + batchSize);
    const { tokens, mask } = padded(
      rows.map((row) => sequences[row] ?? []),
      context,
    );
    const embedded = await embed(weights, tokens, mask);
    const numbers = await embedded.data();
    rows.forEach((row, index) => {
      vectors.set(numbers.subarray(index * width, (index + 1) * width), row * width);
    });
    tf.dispose([tokens, mask, embedded]);
  }
  return { numTexts: texts.length, width, vectors };
}

/** Rows of a length that is a multiple of `lengthMultiple`, or the context. */
function padded(sequences: readonly (readonly number[])[], context: number): { tokens: tf.Tensor; mask: tf.Tensor } {
  const longest = Math.max(...sequences.map(({ length }) => length));
  const multipleOf = Math.ceil(longest / lengthMultiple) * lengthMultiple <= context ? lengthMultiple : context;
  const { numRows, length, tokens, mask } = pad(sequences, { token: 0, multipleOf });
  const shape: [number, number] = [numRows, length];
  return { tokens: tf.tensor2d(tokens, shape, 'int32'), mask: tf.tensor2d(Int32Array.from(mask), shape, 'int32') };
}
