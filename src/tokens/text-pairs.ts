import { permutation } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { endless, listed } from './loader.js';
import type { Loader, LoaderOptions } from './loader.js';
import { checkTexts, copyText, emptyTexts } from './texts.js';
import type { Texts, TextSizes, TokenText } from './texts.js';

/** Two texts that belong together, such as a question and a passage that answers it; and one that does not, though it seems to. */
export interface TextPair {
  readonly anchor: TokenText;
  readonly positive: TokenText;
  /** A hard negative. All pairs have one, or none has. */
  readonly negative?: TokenText;
}

/** What a step sees that learns embeddings by contrast. */
export interface TextPairBatch {
  readonly anchors: Texts;
  readonly positives: Texts;
  readonly negatives?: Texts;
  readonly weights: Float32Array; // [batchSize]
  readonly batchSize: number;
}

/**
 * Batches of pairs of texts: in each epoch every pair once, in an order given by the key and the number of the epoch. Where one text
 * is in several pairs of a batch, `contrastive` takes it for a negative of itself: few repeats do little harm.
 *
 * @throws TrainbookError as `loader` does, or if a text does not fit into a row, or only some pairs have a negative.
 * @example
 * const batches = textPairLoader([{ anchor: question, positive: passage }], { context: 64, padding: 0 }, { batchSize: 32, key });
 */
export function textPairLoader(
  pairs: readonly TextPair[],
  sizes: TextSizes,
  options: LoaderOptions,
): Loader<TextPairBatch> {
  const anchors = pairs.map(({ anchor }) => anchor);
  const positives = pairs.map(({ positive }) => positive);
  const negatives = pairs.flatMap(({ negative }) => (negative === undefined ? [] : [negative]));
  for (const texts of [anchors, positives]) checkTexts('textPairLoader', texts, sizes);
  if (negatives.length > 0) checkTexts('textPairLoader', negatives, sizes);
  if (negatives.length > 0 && negatives.length < pairs.length) {
    throw new TrainbookError({
      what: 'textPairLoader: only some pairs have a negative',
      received: `${negatives.length} of ${pairs.length}`,
      expected: 'all or none',
    });
  }
  return endless<TextPairBatch>('textPairLoader', options, {
    numRows: pairs.length,
    empty: (batchSize) => ({
      anchors: emptyTexts(anchors, batchSize, sizes),
      positives: emptyTexts(positives, batchSize, sizes),
      ...(negatives.length > 0 && { negatives: emptyTexts(negatives, batchSize, sizes) }),
      weights: new Float32Array(batchSize),
      batchSize,
    }),
    order: (key) => listed(permutation(key, pairs.length)),
    copy: (row, batch, place) => {
      const put = (texts: readonly TokenText[], into: Texts): void => {
        copyText(texts[row] ?? { tokens: [] }, into, place);
      };
      put(anchors, batch.anchors);
      put(positives, batch.positives);
      if (batch.negatives) put(negatives, batch.negatives);
      batch.weights[place] = 1;
    },
  });
}
