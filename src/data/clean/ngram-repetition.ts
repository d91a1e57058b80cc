import type { Words } from './words.js';

/** Words that stand in no n-gram more than once. */
const UNIQUE = 0xffff_ffff;

/**
 * How much of a text its repeated n-grams are, for one n after the other. Each n-gram gets a number from the number of the
 * (n−1)-gram it begins with and its last word; what begins or ends with an n-gram that stands once stands once, too, and is not
 * looked at again, so that longer n-grams cost next to nothing in texts without repetition. Exact: no hash decides.
 */
export class NgramRepetition {
  private n = 1;
  /** For each position the number of the n-gram that begins there. */
  private readonly grams: Uint32Array;
  private readonly single: Uint32Array;
  /** Of each number: how often, and where first. */
  private counts: Uint32Array;
  private firsts: Uint32Array;
  private numRepeated = 0;

  constructor(private readonly words: Words) {
    const { count, ids, numDistinct } = words;
    this.counts = new Uint32Array(numDistinct);
    this.firsts = new Uint32Array(numDistinct);
    this.grams = ids.slice(0, count);
    this.count(numDistinct);
    this.single = this.grams.slice();
  }

  /**
   * Characters of the most frequent n-gram, spaces between its words included, times how often it stands there; the first of
   * equally frequent ones, even where all stand once. 0 for texts of fewer than n words.
   */
  top(n: number): number {
    this.advance(n);
    if (this.words.count < n) return 0;
    let best = 0;
    let most = 1;
    for (let number = 0; number < this.counts.length; number++) {
      const count = this.counts[number] ?? 0;
      const first = this.firsts[number] ?? 0;
      if (count > most || (count === most && most > 1 && first < best)) [most, best] = [count, first];
    }
    return (this.charactersOf(best, n) + n - 1) * most;
  }

  /** Characters of the n-grams that stood before, without spaces: found from left to right, none overlapping the last. */
  duplicate(n: number): number {
    this.advance(n);
    if (this.numRepeated === 0) return 0;
    const seen = new Uint8Array(this.counts.length);
    let characters = 0;
    for (let at = 0; at + n <= this.words.count;) {
      const gram = this.grams[at] ?? UNIQUE;
      if (gram !== UNIQUE && seen[gram] === 1) {
        characters += this.charactersOf(at, n);
        at += n;
      } else {
        if (gram !== UNIQUE) seen[gram] = 1;
        at++;
      }
    }
    return characters;
  }

  private charactersOf(word: number, n: number): number {
    const { charactersBefore } = this.words;
    return (charactersBefore[word + n] ?? 0) - (charactersBefore[word] ?? 0);
  }

  private advance(n: number): void {
    if (n < this.n) throw new RangeError(`n-grams are asked for in rising order: ${n} after ${this.n}`);
    while (this.n < n) this.lengthen();
  }

  /** From n-grams to (n+1)-grams. */
  private lengthen(): void {
    const n = ++this.n;
    if (this.numRepeated === 0) return;
    const { grams, single } = this;
    const mask = (1 << Math.max(4, 33 - Math.clz32(this.numRepeated))) - 1;
    const slots = new Int32Array(mask + 1);
    // The (n−1)-gram and the last word that a number stands for.
    const heads = new Uint32Array(this.numRepeated);
    const tails = new Uint32Array(this.numRepeated);
    let distinct = 0;
    for (let at = 0; at < grams.length; at++) {
      const head = grams[at] ?? UNIQUE;
      // Both the (n−1)-gram here and the one that begins a word later must stand more than once.
      if (head === UNIQUE) continue;
      const tail = at + n <= grams.length ? (single[at + n - 1] ?? UNIQUE) : UNIQUE;
      if (tail === UNIQUE || grams[at + 1] === UNIQUE) {
        grams[at] = UNIQUE;
        continue;
      }
      let hash = Math.imul(head, 0x9e3779b1) ^ Math.imul(tail, 0x85ebca6b);
      hash ^= hash >>> 15;
      for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
        const entry = slots[slot] ?? 0;
        if (entry === 0) {
          heads[distinct] = head;
          tails[distinct] = tail;
          slots[slot] = ++distinct;
          grams[at] = distinct - 1;
          break;
        }
        if (heads[entry - 1] === head && tails[entry - 1] === tail) {
          grams[at] = entry - 1;
          break;
        }
      }
    }
    this.counts = new Uint32Array(distinct);
    this.firsts = new Uint32Array(distinct);
    this.count(distinct);
  }

  /** Counts each number, and strikes out those that stand once. */
  private count(distinct: number): void {
    const { grams, counts, firsts } = this;
    for (let at = grams.length - 1; at >= 0; at--) {
      const gram = grams[at] ?? UNIQUE;
      if (gram === UNIQUE) continue;
      counts[gram] = (counts[gram] ?? 0) + 1;
      firsts[gram] = at;
    }
    let numRepeated = 0;
    for (let at = 0; at < grams.length; at++) {
      const gram = grams[at] ?? UNIQUE;
      if (gram === UNIQUE) continue;
      if (counts[gram] === 1) grams[at] = UNIQUE;
      else numRepeated++;
    }
    this.numRepeated = distinct === 0 ? 0 : numRepeated;
  }
}
