import { permutation } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { endless, listed } from './loader.js';
import type { Loader, LoaderOptions } from './loader.js';
import { checkTexts, copyText, emptyTexts } from './texts.js';
import type { Texts, TextSizes, TokenText } from './texts.js';

/** What a step sees that learns to classify or score texts: a class, or numbers, for each. */
export interface TextBatch<Targets extends Int32Array | Float32Array = Int32Array> extends Texts {
  readonly targets: Targets; // [batchSize] or, several numbers for each text, [batchSize, numbers]
  readonly weights: Float32Array; // [batchSize]
  readonly batchSize: number;
}

/** What a step sees that learns to label the tokens of texts. */
export interface TaggedBatch extends Texts {
  /** The class of each token; 0 where the weight is 0. [batchSize, context] */
  readonly targets: Int32Array;
  /** 1 where a class is to be predicted. [batchSize, context] */
  readonly weights: Float32Array;
  readonly batchSize: number;
}

/** A text with the class of each token; a negative one, such as −100, does not count. */
export interface TaggedText extends TokenText {
  readonly tags: ArrayLike<number>; // [tokens.length]
}

/**
 * Batches of texts with targets: in each epoch every text once, in an order given by the key and the number of the epoch. Targets are
 * classes (Int32Array), or numbers (Float32Array), as many for each text as there are targets a text.
 *
 * @throws TrainbookError as `loader` does, or if a text does not fit into a row or has no target.
 * @example
 * const batches = textLoader(texts, Int32Array.of(0, 1, 1), { context: 128, padding: 0 }, { batchSize: 2, key });
 */
export function textLoader<Targets extends Int32Array | Float32Array>(
  texts: readonly TokenText[],
  targets: Targets,
  sizes: TextSizes,
  options: LoaderOptions,
): Loader<TextBatch<Targets>> {
  checkTexts('textLoader', texts, sizes);
  const each = targets.length / texts.length;
  if (!Number.isInteger(each) || each === 0) {
    throw new TrainbookError({
      what: 'textLoader: not every text has a target',
      received: `${texts.length} texts, ${targets.length} targets`,
      expected: 'one target a text, or the same number for each',
    });
  }
  const emptyTargets = (length: number): Targets =>
    (targets instanceof Int32Array ? new Int32Array(length) : new Float32Array(length)) as Targets;
  return endless<TextBatch<Targets>>('textLoader', options, {
    numRows: texts.length,
    empty: (batchSize) => ({
      ...emptyTexts(texts, batchSize, sizes),
      targets: emptyTargets(batchSize * each),
      weights: new Float32Array(batchSize),
      batchSize,
    }),
    order: (key) => listed(permutation(key, texts.length)),
    copy: (row, batch, place) => {
      copyText(texts[row] ?? { tokens: [] }, batch, place);
      batch.targets.set(targets.subarray(row * each, (row + 1) * each), place * each);
      batch.weights[place] = 1;
    },
  });
}

/**
 * Batches of texts whose tokens have classes of their own, such as names or parts of speech.
 *
 * @throws TrainbookError as `loader` does, or if a text does not fit into a row or has not one tag a token.
 * @example
 * const batches = taggedTextLoader([{ tokens: [101, 7, 102], tags: [-100, 3, -100] }], { context: 8, padding: 0 }, { batchSize: 1, key });
 */
export function taggedTextLoader(
  texts: readonly TaggedText[],
  sizes: TextSizes,
  options: LoaderOptions,
): Loader<TaggedBatch> {
  checkTexts('taggedTextLoader', texts, sizes);
  const uneven = texts.findIndex(({ tokens, tags }) => tokens.length !== tags.length);
  if (uneven !== -1) {
    throw new TrainbookError({
      what: `taggedTextLoader: text ${uneven} has not one tag for each token`,
      received: `${texts[uneven]?.tokens.length ?? 0} tokens, ${texts[uneven]?.tags.length ?? 0} tags`,
      expected: 'as many tags as tokens; −100 for those that do not count',
    });
  }
  return endless<TaggedBatch>('taggedTextLoader', options, {
    numRows: texts.length,
    empty: (batchSize) => ({
      ...emptyTexts(texts, batchSize, sizes),
      targets: new Int32Array(batchSize * sizes.context),
      weights: new Float32Array(batchSize * sizes.context),
      batchSize,
    }),
    order: (key) => listed(permutation(key, texts.length)),
    copy: (row, batch, place) => {
      const text = texts[row] ?? { tokens: [], tags: [] };
      copyText(text, batch, place);
      const start = place * sizes.context;
      for (let token = 0; token < text.tags.length; token++) {
        const tag = text.tags[token] ?? -1;
        batch.targets[start + token] = Math.max(0, tag);
        batch.weights[start + token] = tag < 0 ? 0 : 1;
      }
    },
  });
}
