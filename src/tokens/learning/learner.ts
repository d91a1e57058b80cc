/** Says how much of the learning is done, from 0 to 1, and a short line on it. */
export type Report = (share: number, note: string) => void;

/** How a kind of tokenizer is learnt: from the counts of the words of all documents, and from nothing else. */
export interface Learner<Options, Learnt> {
  /** The words of a text: all that is not in them has no influence. */
  words(text: string, options: Options): Iterable<string>;
  /**
   * Options and result are plain data, since they go to another thread and back.
   *
   * @throws TrainbookError if the words do not allow what the options ask for.
   */
  learn(counts: ReadonlyMap<string, number>, options: Options, report: Report): Learnt;
}
