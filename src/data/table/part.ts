import type { ColumnTable } from 'arquero';

declare const part: unique symbol;

/** Marks what a model may learn from. Known to the compiler only. */
export interface OfTrain {
  readonly [part]: 'train';
}

/** Marks what is kept to test a model on. Known to the compiler only. */
export interface OfTest {
  readonly [part]: 'test';
}

/** What may be anything but the test part. */
export interface NotOfTest {
  readonly [part]?: 'train';
}

/** Verbs that would bring rows or columns of another table into a part: they cannot be called on one. */
type Mixing = 'assign' | 'concat' | 'cross' | 'join' | 'join_full' | 'join_left' | 'join_right' | 'lookup' | 'union';

type Closed<T> = T extends ColumnTable ? { readonly [Verb in Mixing]: never } : unknown;

/** The training part of a split. What is learned from data (`fit`) takes nothing else. */
export type Train<T> = T & OfTrain & Closed<T>;

/** The test part of a split. */
export type Test<T> = T & OfTest & Closed<T>;

/** `To`, in the part of the split that `From` is in. */
export type SamePart<From, To> = From extends OfTrain ? Train<To> : From extends OfTest ? Test<To> : To;

/**
 * Says that rows are all for training: for data that came in two files, or is not tested at all.
 *
 * @example
 * const train = asTrain(await readTable('train.csv'));
 */
export function asTrain<T>(rows: T): Train<T> {
  return rows as Train<T>;
}

/** Says that rows are all for testing, as `asTrain` says of training. */
export function asTest<T>(rows: T): Test<T> {
  return rows as Test<T>;
}
