import { TrainbookError } from '../../error.js';
import { NgramCounts } from './count-ngrams.js';
import { discountOf, kneserNeyDiscounts } from './kneser-ney.js';
import { BEGIN } from './ngram-model.js';
import type { Discounts, NgramModel } from './ngram-model.js';
import { unitOfNode } from './ngram-trie.js';
import { splitterOf } from './units.js';
import type { Units } from './units.js';

export interface TrainNgramsOptions {
  /** The longest n-gram: a unit is predicted from so many less one before it. Default: 5. */
  readonly order?: number;
  /** Default: words. */
  readonly units?: Units;
  /**
   * The units to tell apart; all others are counted as the unknown unit. Models whose scores of a text are compared want one vocabulary:
   * else a model finds a word likelier for not knowing it. Default: all that occur.
   */
  readonly vocabulary?: Iterable<string>;
}

/** Documents, as they are or as they come. */
export type TextSource = Iterable<{ readonly text: string }> | AsyncIterable<{ readonly text: string }>;

/** KenLM's limit is 6 unless it is built for more; 16 fits in the table here. */
const HIGHEST = 16;

/**
 * Trains an n-gram model by interpolated modified Kneser–Ney smoothing (Chen and Goodman 1998, TR-10-98; counts and borders as
 * KenLM's lmplz, Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation"): for a context h and its shorter
 * one h′,
 *
 *   p(w | h) = (c(hw) − D(c(hw))) / Σᵥ c(hv) + γ(h) p(w | h′),   γ(h) = Σₖ Dₖ Nₖ(h) / Σᵥ c(hv),
 *
 * with the counts of `NgramCounts`, Nₖ(h) units of count k after h, and p(w | no context) mixed with 1 / |vocabulary|: what that
 * gives is the probability of an unknown unit. Each line with something in it is a sentence. What is trained does not depend on the
 * order of the documents. It takes about 30 bytes for each different n-gram, and the text is not kept.
 *
 * @throws TrainbookError if the order is not 1 … 16, or there is no text.
 * @example
 * const model = await trainNgrams(corpus.documents, { order: 5 });
 * perplexityOf(ngramScorer(model).score('It was a bright cold day'));
 */
export async function trainNgrams(
  documents: TextSource,
  { order = 5, units = 'words', vocabulary }: TrainNgramsOptions = {},
): Promise<NgramModel> {
  if (!Number.isInteger(order) || order < 1 || order > HIGHEST) {
    throw new TrainbookError({
      what: 'trainNgrams: no such order',
      received: order,
      expected: `a whole number from 1 to ${HIGHEST}`,
      fix: '5 is usual for words, 7 for characters',
    });
  }
  const split = splitterOf(units);
  const counts = new NgramCounts(order, vocabulary === undefined ? undefined : new Set(vocabulary));
  let isEmpty = true;
  for await (const { text } of documents) {
    for (const line of text.split('\n')) {
      const sentence = split(line);
      if (sentence.length === 0) continue;
      counts.add(sentence);
      isEmpty = false;
    }
  }
  if (isEmpty) {
    throw new TrainbookError({
      what: 'trainNgrams: there is nothing to count',
      received: 'documents without a unit in them',
      expected: 'documents with text',
    });
  }
  return smoothed(counts, units);
}

/** What was counted after each context: Σ c, and how many of count 1, 2, 3 and more. */
class Followers {
  private readonly rows: Int32Array;
  constructor(size: number) {
    this.rows = new Int32Array(4 * size);
  }
  add(context: number, count: number): void {
    if (count === 0) return;
    const at = 4 * context;
    this.rows[at] = (this.rows[at] ?? 0) + count;
    const kind = at + Math.min(count, 3);
    this.rows[kind] = (this.rows[kind] ?? 0) + 1;
  }
  total(context: number): number {
    return this.rows[4 * context] ?? 0;
  }
  /** γ: the share that the discounts take. 1 where nothing follows. */
  backOff(context: number, { values: [one, two, more] }: Discounts): number {
    const total = this.total(context);
    if (total === 0) return 1;
    const n = (count: number): number => this.rows[4 * context + count] ?? 0;
    return (one * n(1) + two * n(2) + more * n(3)) / total;
  }
}

function smoothed(counts: NgramCounts, units: Units): NgramModel {
  const { order, trie, vocabulary } = counts;
  const numUnits = vocabulary.size;
  // Contexts: none (0), the units (1 …), longer ones.
  const contextOf = (node: number): number => (node < 0 ? 1 + unitOfNode(node) : 1 + numUnits + node);
  const followers = new Followers(1 + numUnits + trie.size);
  const countsOfCounts = Array.from({ length: order + 1 }, () => [0, 0, 0, 0, 0]);
  const numOfOrder = new Array<number>(order).fill(0);
  const see = (ofOrder: number, context: number, count: number): void => {
    followers.add(context, count);
    const tallies = countsOfCounts[ofOrder];
    if (tallies !== undefined && count <= 4) tallies[count] = (tallies[count] ?? 0) + 1;
    numOfOrder[ofOrder - 1] = (numOfOrder[ofOrder - 1] ?? 0) + 1;
  };
  for (let unit = 0; unit < numUnits; unit++) see(1, 0, counts.unitCounts[unit] ?? 0);
  for (let node = 0; node < trie.size; node++) {
    see(counts.orders[node] ?? 0, contextOf(trie.prefixes[node] ?? 0), counts.counts[node] ?? 0);
  }
  const discounts = countsOfCounts.map(kneserNeyDiscounts);
  const discountsOf = (ofOrder: number): Discounts => discounts[ofOrder] ?? { values: [0, 0, 0], isFallback: true };

  const uniform = followers.backOff(0, discountsOf(1)) / (numUnits - 1); // <s> is never predicted
  const ofUnit = Float64Array.from({ length: numUnits }, (_, unit) => {
    const count = counts.unitCounts[unit] ?? 0;
    return unit === BEGIN ? 1 : (count - discountOf(discountsOf(1), count)) / followers.total(0) + uniform;
  });
  const ofNode = new Float64Array(trie.size);
  for (let node = 0; node < trie.size; node++) {
    const context = contextOf(trie.prefixes[node] ?? 0);
    const own = discountsOf(counts.orders[node] ?? 0);
    const count = counts.counts[node] ?? 0;
    const suffix = counts.suffixes[node] ?? 0;
    const shorter = (suffix < 0 ? ofUnit[unitOfNode(suffix)] : ofNode[suffix]) ?? 0;
    const share = (count - discountOf(own, count)) / followers.total(context);
    ofNode[node] = share + followers.backOff(context, own) * shorter;
  }
  const backOff = (node: number, ofOrder: number): number =>
    ofOrder === order ? 0 : Math.log10(followers.backOff(contextOf(node), discountsOf(ofOrder + 1)));
  return {
    order,
    units,
    vocabulary,
    counts: numOfOrder,
    discounts: discounts.slice(1),
    table: trie.table(numUnits, (node) =>
      node < 0
        ? [Math.log10(ofUnit[unitOfNode(node)] ?? 0), backOff(node, 1)]
        : [Math.log10(ofNode[node] ?? 0), backOff(node, counts.orders[node] ?? 0)],
    ),
  };
}
