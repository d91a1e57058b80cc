import { fold, permutation, uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { denoiserAt } from './denoisers.js';
import type { Rated } from './denoisers.js';
import { endless, listed, once } from '../loader.js';
import type { Loader, LoaderOptions, Rows } from '../loader.js';
import type { SequencePair } from './span-corruption.js';
import { checkTexts, copyText, emptyTexts } from '../texts.js';
import type { Texts, TokenText } from '../texts.js';

/** What a step sees that learns to write a target to each source. */
export interface SequenceBatch {
  readonly sources: Texts;
  /** What is to be written, the first token too: it follows the model's start token. [batchSize, targetContext] */
  readonly targets: Int32Array;
  /** 1 where the target counts, 0 where it is padding. [batchSize, targetContext] */
  readonly weights: Float32Array;
  readonly batchSize: number;
  readonly targetContext: number;
}

/** What sources and targets are filled up to, and with. */
export interface SequenceSizes {
  /** The length of the rows of sources, in tokens; no source may be longer. */
  readonly sourceContext: number;
  /** The same of targets. */
  readonly targetContext: number;
  /** The token to fill up with. */
  readonly padding: number;
}

/**
 * Batches of sources with their targets: in each epoch every pair once, in an order given by the key and the number of the epoch.
 *
 * @throws TrainbookError as `loader` does, or if a source or target is empty or does not fit into a row.
 * @example
 * const pairs = rows.map(({ german, english }) => ({ source: ids(german), target: ids(english) }));
 * const batches = sequenceLoader(pairs, { sourceContext: 64, targetContext: 64, padding: 0 }, { batchSize: 32, key });
 */
export function sequenceLoader(
  pairs: readonly SequencePair[],
  sizes: SequenceSizes,
  options: LoaderOptions,
): Loader<SequenceBatch> {
  checkPairs('sequenceLoader', pairs, sizes);
  return endless<SequenceBatch>('sequenceLoader', options, {
    ...rowsOf(pairs, sizes),
    order: (key) => listed(permutation(key, pairs.length)),
  });
}

/**
 * All pairs once, in their order, in batches of one shape: what the last batch lacks are rows of weight 0. For evaluation.
 *
 * @example
 * for (const batch of sequencesInOrder(pairs, sizes, 32)) losses.push(await loss(batch));
 */
export function* sequencesInOrder(
  pairs: readonly SequencePair[],
  sizes: SequenceSizes,
  batchSize: number,
): Generator<SequenceBatch> {
  checkPairs('sequencesInOrder', pairs, sizes);
  yield* once('sequencesInOrder', batchSize, rowsOf(pairs, sizes));
}

const nothing: SequencePair = { source: [], target: [] };

function rowsOf(
  pairs: readonly SequencePair[],
  sizes: SequenceSizes,
): Pick<Rows<SequenceBatch>, 'numRows' | 'empty' | 'copy'> {
  return {
    numRows: pairs.length,
    empty: (batchSize) => emptySequences(batchSize, sizes),
    copy: (row, batch, place) => {
      copyPair(pairs[row] ?? nothing, batch, place);
    },
  };
}

/** How texts become sources and targets. */
export interface Denoising extends SequenceSizes {
  /** One of them is drawn for each text in each epoch, by its rate: `[[spanDenoiser(…), 1]]` is T5's objective, `ul2Denoisers(…)` UL2's. */
  readonly denoisers: readonly Rated[];
}

/**
 * Batches of texts of which something is left out, to be written: in each epoch every text once, each time by a denoiser and with spans
 * drawn anew. What is left out depends on key, epoch and text alone: any number of readers, from any cursor on, see the same.
 *
 * @throws TrainbookError as `loader` does, or if a text is shorter than two tokens, or a source or target would not fit into a row.
 * @example
 * const { text, target } = spanLengths(512);
 * const denoising = { denoisers: [[spanDenoiser({ sentinels, end: 1 }), 1]], sourceContext: 512, targetContext: target, padding: 0 };
 * const batches = denoisingLoader(texts, denoising, { batchSize: 32, key }); // texts of `text` tokens
 */
export function denoisingLoader(
  texts: readonly TokenText[],
  denoising: Denoising,
  options: LoaderOptions,
): Loader<SequenceBatch> {
  checkDenoising('denoisingLoader', texts, denoising);
  const key = fold(options.key, 'denoise');
  return endless<SequenceBatch>('denoisingLoader', options, {
    numRows: texts.length,
    empty: (batchSize) => emptySequences(batchSize, denoising),
    order: (ofEpoch) => listed(permutation(ofEpoch, texts.length)),
    copy: (row, batch, place, epoch) => {
      copyPair(denoised(texts, denoising, fold(fold(key, epoch), row), row), batch, place);
    },
  });
}

/** All texts once, in their order, with what the key leaves out: for evaluation. */
export function denoisedInOrder(
  texts: readonly TokenText[],
  denoising: Denoising,
  { batchSize, key }: Pick<LoaderOptions, 'batchSize' | 'key'>,
): Generator<SequenceBatch> {
  checkDenoising('denoisedInOrder', texts, denoising);
  const ofTexts = fold(fold(key, 'denoise'), 0);
  const pairs = texts.map((_, row) => denoised(texts, denoising, fold(ofTexts, row), row));
  return sequencesInOrder(pairs, denoising, batchSize);
}

function denoised(texts: readonly TokenText[], { denoisers }: Denoising, key: Key, row: number): SequencePair {
  const [uniform = 0] = uniformNumbers(fold(key, 'which'), 1);
  return denoiserAt(denoisers, uniform).denoise(texts[row]?.tokens ?? [], fold(key, 'what'));
}

/** A batch of padding. */
function emptySequences(batchSize: number, { sourceContext, targetContext, padding }: SequenceSizes): SequenceBatch {
  return {
    sources: emptyTexts([], batchSize, { context: sourceContext, padding }),
    targets: new Int32Array(batchSize * targetContext).fill(padding),
    weights: new Float32Array(batchSize * targetContext),
    batchSize,
    targetContext,
  };
}

function copyPair({ source, target }: SequencePair, batch: SequenceBatch, place: number): void {
  copyText({ tokens: source }, batch.sources, place);
  const start = place * batch.targetContext;
  batch.targets.set(target, start);
  batch.weights.fill(1, start, start + target.length);
}

function checkPairs(what: string, pairs: readonly SequencePair[], sizes: SequenceSizes): void {
  const { sourceContext, targetContext, padding } = sizes;
  const of = (sequences: readonly ArrayLike<number>[]): TokenText[] => sequences.map((tokens) => ({ tokens }));
  checkTexts(`${what}: sources`, of(pairs.map(({ source }) => source)), { context: sourceContext, padding });
  checkTexts(`${what}: targets`, of(pairs.map(({ target }) => target)), { context: targetContext, padding });
}

/** @throws TrainbookError if there is nothing to draw from, or what is made of the texts may be longer than the rows. */
function checkDenoising(what: string, texts: readonly TokenText[], denoising: Denoising): void {
  const { denoisers, sourceContext, targetContext, padding } = denoising;
  checkTexts(what, texts, { context: Number.MAX_SAFE_INTEGER, padding });
  if (denoisers.length === 0 || denoisers.some(([, rate]) => !(rate > 0 && Number.isFinite(rate)))) {
    throw new TrainbookError({
      what: `${what}: there are no such denoisers`,
      received: denoisers.length === 0 ? '[]' : `rates ${denoisers.map(([, rate]) => rate).join(', ')}`,
      expected: 'at least one, each with a rate above 0',
    });
  }
  for (const length of new Set(texts.map(({ tokens }) => tokens.length))) {
    if (length < 2) {
      throw new TrainbookError({
        what: `${what}: a text is too short to leave something out`,
        received: `${length} token`,
        expected: 'texts of at least 2 tokens',
      });
    }
    for (const [denoiser] of denoisers) {
      const { source, target } = denoiser.lengths(length);
      if (source <= sourceContext && target <= targetContext) continue;
      throw new TrainbookError({
        what: `${what}: what is made of a text may be longer than a row`,
        received: `a text of ${length} tokens gives up to ${source} of a source and ${target} of a target`,
        expected: `at most ${sourceContext} and ${targetContext}`,
        fix: 'cut the texts shorter (spanLengths says how short), or take longer rows',
      });
    }
  }
}
