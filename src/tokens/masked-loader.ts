import { fold, permutation } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { endless, listed, once } from './loader.js';
import type { Loader, LoaderOptions } from './loader.js';
import { maskTokens } from './mask-tokens.js';
import type { MaskTokensOptions } from './mask-tokens.js';
import type { SentencePair } from './sentence-pairs.js';
import { checkTexts, copyText, emptyTexts } from './texts.js';
import type { Texts, TextSizes, TokenText } from './texts.js';

/** What a step sees that learns masked tokens: `inputs` with [MASK] and random tokens in it. */
export interface MaskedBatch extends Texts {
  /** The tokens as they were. [batchSize, context] */
  readonly originals: Int32Array;
  /** 1 where a token is to be predicted. [batchSize, context] */
  readonly chosen: Float32Array;
  readonly batchSize: number;
}

/** The same of pairs of sentences. */
export interface MaskedPairBatch extends MaskedBatch {
  /** The class of each pair, as `nextSentence` orders them: 0 where the second segment follows the first, else 1. [batchSize] */
  readonly following: Int32Array;
  /** 1 for each pair, 0 for a row that holds none. [batchSize] */
  readonly pairWeights: Float32Array;
}

/** How tokens are masked, and what rows are filled up to. */
export interface MaskingOptions
  extends TextSizes, Pick<MaskTokensOptions, 'tokenizer' | 'mask' | 'share' | 'startsWord'> {}

/**
 * Batches of texts with tokens masked by `maskTokens`: in each epoch every text once, in an order given by the key and the number of the
 * epoch, with other masks each time (dynamic masking: Liu 2019, "RoBERTa", 1907.11692). What is masked depends on key, epoch and
 * text alone: any number of readers, from any cursor on, see the same.
 *
 * @throws TrainbookError as `loader` and `maskTokens` do, or if a text does not fit into a row.
 * @example
 * const texts = documents.map(({ text }) => ({ tokens: tokenizer.frame(tokenizer.encode(text).slice(0, 126)).ids }));
 * const masking = { tokenizer, mask: 103, padding: 0, context: 128 };
 * const batches = maskedLoader(texts, masking, { batchSize: 32, key });
 */
export function maskedLoader(
  texts: readonly TokenText[],
  masking: MaskingOptions,
  options: LoaderOptions,
): Loader<MaskedBatch> {
  checkTexts('maskedLoader', texts, masking);
  const key = fold(options.key, 'mask');
  return endless<MaskedBatch>('maskedLoader', options, {
    numRows: texts.length,
    empty: (batchSize) => emptyBatch(texts, masking, batchSize),
    order: (ofEpoch) => listed(permutation(ofEpoch, texts.length)),
    copy: (row, batch, place, epoch) => {
      copyMasked(texts, masking, { key, epoch, row }, batch, place);
    },
  });
}

/**
 * The same of pairs for next-sentence prediction, as `sentencePairs` makes them: Devlin 2018, "BERT" (1810.04805).
 *
 * @throws TrainbookError as `maskedLoader` does.
 * @example
 * const pairs = sentencePairs(documents, { context: 128, classify: 101, separate: 102, key });
 * const batches = maskedPairLoader(pairs, masking, { batchSize: 32, key });
 */
export function maskedPairLoader(
  pairs: readonly SentencePair[],
  masking: MaskingOptions,
  options: LoaderOptions,
): Loader<MaskedPairBatch> {
  checkTexts('maskedPairLoader', pairs, masking);
  const key = fold(options.key, 'mask');
  return endless<MaskedPairBatch>('maskedPairLoader', options, {
    numRows: pairs.length,
    empty: (batchSize) => emptyPairBatch(pairs, masking, batchSize),
    order: (ofEpoch) => listed(permutation(ofEpoch, pairs.length)),
    copy: (row, batch, place, epoch) => {
      copyMasked(pairs, masking, { key, epoch, row }, batch, place);
      copyPair(pairs, row, batch, place);
    },
  });
}

/**
 * All texts once, in their order, with the masks that the key gives, in batches of one shape: what the last batch lacks are rows of
 * weight 0. For evaluation.
 *
 * @example
 * for (const batch of maskedInOrder(texts, masking, { batchSize: 32, key })) losses.push(await loss(batch));
 */
export function* maskedInOrder(
  texts: readonly TokenText[],
  masking: MaskingOptions,
  { batchSize, key }: Pick<LoaderOptions, 'batchSize' | 'key'>,
): Generator<MaskedBatch> {
  checkTexts('maskedInOrder', texts, masking);
  const ofTexts = fold(key, 'mask');
  yield* once<MaskedBatch>('maskedInOrder', batchSize, {
    numRows: texts.length,
    empty: (size) => emptyBatch(texts, masking, size),
    copy: (row, batch, place, epoch) => {
      copyMasked(texts, masking, { key: ofTexts, epoch, row }, batch, place);
    },
  });
}

/** The same of pairs. */
export function* maskedPairsInOrder(
  pairs: readonly SentencePair[],
  masking: MaskingOptions,
  { batchSize, key }: Pick<LoaderOptions, 'batchSize' | 'key'>,
): Generator<MaskedPairBatch> {
  let first = 0;
  for (const batch of maskedInOrder(pairs, masking, { batchSize, key })) {
    const whole = { ...batch, following: new Int32Array(batchSize), pairWeights: new Float32Array(batchSize) };
    for (let place = 0; place < batchSize && first + place < pairs.length; place++) {
      copyPair(pairs, first + place, whole, place);
    }
    yield whole;
    first += batchSize;
  }
}

function emptyBatch(texts: readonly TokenText[], masking: MaskingOptions, batchSize: number): MaskedBatch {
  const empty = emptyTexts(texts, batchSize, masking);
  return { ...empty, originals: empty.inputs.slice(), chosen: new Float32Array(empty.inputs.length), batchSize };
}

function emptyPairBatch(pairs: readonly SentencePair[], masking: MaskingOptions, batchSize: number): MaskedPairBatch {
  const empty = emptyBatch(pairs, masking, batchSize);
  return { ...empty, following: new Int32Array(batchSize), pairWeights: new Float32Array(batchSize) };
}

function copyMasked(
  texts: readonly TokenText[],
  { tokenizer, mask, share, startsWord }: MaskingOptions,
  draw: { readonly key: Key; readonly epoch: number; readonly row: number },
  batch: MaskedBatch,
  place: number,
): void {
  const { tokens, types } = texts[draw.row] ?? { tokens: [] };
  const masked = maskTokens(tokens, {
    tokenizer,
    mask,
    ...(share !== undefined && { share }),
    ...(startsWord && { startsWord }),
    ...draw,
  });
  copyText({ tokens: masked.inputs, ...(types && { types }) }, batch, place);
  batch.originals.set(masked.targets, place * batch.context);
  batch.chosen.set(masked.weights, place * batch.context);
}

function copyPair(pairs: readonly SentencePair[], row: number, batch: MaskedPairBatch, place: number): void {
  batch.following[place] = pairs[row]?.isNext === true ? 0 : 1;
  batch.pairWeights[place] = 1;
}
