import { fold, key as keyOf } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { asTrain } from '../table/part.js';
import type { Train } from '../table/part.js';
import type { Augmenter } from './augmenter.js';

/** A text that can be augmented: whatever else it has, such as its label, goes on to what is made of it. */
export interface TextExample {
  readonly id: string;
  readonly text: string;
}

/** A text and its class. */
export interface LabelledText extends TextExample {
  readonly label: string | number | boolean;
}

/** An example that was there, or one that was made of it. */
export type Augmented<Example> = Example & {
  /** The id of the example that it is made of; absent for those that were there. */
  readonly parent?: string;
  /** The augmenter that made it. */
  readonly madeBy?: string;
};

export type AugmentOptions = (
  { readonly seed: number; readonly key?: never } | { readonly key: Key; readonly seed?: never }
) & {
  /** How many variants each augmenter tries to make of an example. Default: 1. */
  readonly copies?: number;
};

/** A variant of an example. */
export interface Variant<Example> {
  readonly of: Example;
  readonly text: string;
  readonly madeBy: string;
  /** Which of its augmenter's variants, from 0. */
  readonly copy: number;
}

/**
 * More training examples of those that are there: after these in their order, what each augmenter makes of each, with the label of its parent and
 * an id that says where it is from (`a1/synonyms/0`). A variant that is its parent, or one made before of the same parent, is left out.
 *
 * It takes training examples alone, and gives training examples: a variant of a test example would bring the test into training, and a
 * variant among the test examples would not be what the world sends. So split first.
 *
 * A variant depends on the key, the augmenter's name, the example's id and text and the number of the copy: on no order and no neighbour.
 *
 * @throws TrainbookError if two examples have one id, or two augmenters one name, or copies is not a whole number above 0.
 * @example
 * const { train, test } = trainTestSplit(mails, { testSize: 0.2, seed: 42 });
 * const more = await augment(train, [synonymReplacement(), randomDeletion()], { seed: 42, copies: 2 });
 */
export async function augment<Example extends TextExample>(
  train: Train<readonly Example[]>,
  augmenters: readonly Augmenter[],
  options: AugmentOptions,
): Promise<Train<readonly Augmented<Example>[]>> {
  const variants = await variantsOf(train, augmenters, options);
  const made = variants.map(({ of, text, madeBy, copy }): Augmented<Example> => {
    return { ...of, text, id: `${of.id}/${madeBy}/${copy}`, parent: of.id, madeBy };
  });
  return asTrain([...(train as readonly Augmented<Example>[]), ...made]);
}

/** What the augmenters make of examples, example by example. */
export async function variantsOf<Example extends TextExample>(
  examples: readonly Example[],
  augmenters: readonly Augmenter[],
  options: AugmentOptions,
): Promise<readonly Variant<Example>[]> {
  const { copies = 1 } = options;
  checkOnce(
    'augment: two examples have one id',
    examples.map(({ id }) => id),
    'documents of equal text have one id: deduplicate first',
  );
  checkOnce(
    'augment: two augmenters have one name',
    augmenters.map(({ name }) => name),
    'for more variants of one augmenter give { copies }',
  );
  if (!Number.isInteger(copies) || copies < 1) {
    throw new TrainbookError({
      what: 'augment: no such number of copies',
      received: copies,
      expected: 'a whole number above 0',
    });
  }
  const key = fold(options.key ?? keyOf(options.seed), 'augment');
  const made: Variant<Example>[][] = examples.map(() => []);
  for (const augmenter of augmenters) {
    const { name } = augmenter;
    const tries = examples.flatMap((of, index) => Array.from({ length: copies }, (_, copy) => ({ of, index, copy })));
    const texts = await augmenter.vary(
      tries.map(({ of, copy }) => ({ text: of.text, key: fold(fold(fold(key, name), of.id), copy) })),
    );
    tries.forEach(({ of, index, copy }, place) => {
      const text = texts[place];
      const before = made[index] ?? [];
      if (text === undefined || text === of.text || before.some((variant) => variant.text === text)) return;
      before.push({ of, text, madeBy: name, copy });
    });
  }
  return made.flat();
}

function checkOnce(what: string, names: readonly string[], fix: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new TrainbookError({ what, received: name, expected: 'each once', fix });
    seen.add(name);
  }
}
