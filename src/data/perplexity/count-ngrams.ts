import { BEGIN, borders, END, UNKNOWN } from './ngram-model.js';
import { longer, nodeOfUnit, NgramTrie, unitOfNode } from './ngram-trie.js';

/**
 * Counts as Kneser–Ney smoothing wants them, in one pass over sentences. The count of an n-gram is
 *
 *   how often it occurs                            if it has the highest order, or begins with `<s>`,
 *   before how many different units it is seen     otherwise: how likely it is to end up in a new context, not how frequent it is
 *                                                  (San Francisco is frequent, but Francisco follows San alone).
 */
export class NgramCounts {
  readonly vocabulary = new Map<string, number>(borders.map((name, unit) => [name, unit]));
  readonly trie = new NgramTrie();
  /** By node of two and more units: its count, the node without its first unit, its order. */
  counts = new Int32Array(1024);
  suffixes = new Int32Array(1024);
  orders = new Uint8Array(1024);
  /** By unit: its count. */
  unitCounts = new Int32Array(1024);
  private readonly recent: Int32Array;

  /** @param limit the units to tell apart, if not all: others are counted as the unknown unit. */
  constructor(
    readonly order: number,
    private readonly limit?: ReadonlySet<string>,
  ) {
    this.recent = new Int32Array(Math.max(order - 1, 1));
  }

  /** Counts a sentence. Units that are written like its borders are passed over. */
  add(sentence: readonly string[]): void {
    const { recent, order } = this;
    recent[0] = nodeOfUnit(BEGIN);
    let length = Math.min(1, order - 1);
    let position = 0;
    for (let at = 0; at <= sentence.length; at++) {
      const unit = at === sentence.length ? END : this.unit(sentence[at] ?? '');
      if (unit < 0) continue;
      length = this.count(unit, length, position++);
    }
  }

  /** Counts the n-grams that end in `unit`, the longest of which reaches back over `length` units. */
  private count(unit: number, length: number, position: number): number {
    const { trie, recent, order } = this;
    let suffix = nodeOfUnit(unit);
    if (order === 1) this.unitCounts[unit] = (this.unitCounts[unit] ?? 0) + 1;
    for (let back = 0; back < length; back++) {
      const prefix = recent[back] ?? 0;
      let node = trie.child(prefix, unit);
      if (node < 0) {
        node = trie.add(prefix, unit);
        this.begin(node, suffix, back + 2);
      }
      if (back === order - 2 || back === position) this.counts[node] = (this.counts[node] ?? 0) + 1;
      recent[back] = suffix;
      suffix = node;
    }
    if (length < order - 1) recent[length] = suffix;
    return Math.min(length + 1, order - 1);
  }

  /** A new n-gram: one more unit that comes before its suffix. */
  private begin(node: number, suffix: number, order: number): void {
    if (node >= this.counts.length) {
      const room = 2 * node;
      this.counts = longer(this.counts, room);
      this.suffixes = longer(this.suffixes, room);
      const orders = new Uint8Array(room);
      orders.set(this.orders);
      this.orders = orders;
    }
    this.suffixes[node] = suffix;
    this.orders[node] = order;
    if (suffix >= 0) this.counts[suffix] = (this.counts[suffix] ?? 0) + 1;
    else this.unitCounts[unitOfNode(suffix)] = (this.unitCounts[unitOfNode(suffix)] ?? 0) + 1;
  }

  /** −1 for what is written like a border. */
  private unit(name: string): number {
    const known = this.vocabulary.get(name);
    if (known !== undefined) return known <= END ? -1 : known;
    if (this.limit?.has(name) === false) return UNKNOWN;
    const unit = this.vocabulary.size;
    this.vocabulary.set(name, unit);
    if (unit >= this.unitCounts.length) this.unitCounts = longer(this.unitCounts, 2 * unit);
    return unit;
  }
}
