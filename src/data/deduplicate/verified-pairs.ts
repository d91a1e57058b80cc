import { Clusters } from './clusters.js';
import { jaccard } from './shingles.js';

/** A document in a group: its number, its length in characters, and a number that equal texts share. */
export interface Member {
  readonly number: number;
  readonly length: number;
  readonly text: number;
}

/** Two documents that are similar at least by the threshold. */
export interface Pair {
  readonly a: Member;
  readonly b: Member;
  readonly similarity: number;
}

/** Up to so many members a group's candidates are all its pairs. */
const SMALL_GROUP = 256;

/** In larger groups a document's candidates are the longest one, and so many that come before it by length. */
const NEIGHBOURS = 128;

/** So many numbers of shingles are kept at most, to verify other pairs of the same documents: 128 MB. */
const KEPT_SHINGLES = 32_000_000;

/** So many pairs that are not similar are remembered at most. */
const KEPT_PAIRS = 1_000_000;

/**
 * Verifies pairs of documents by their true Jaccard similarity. Pairs that are already in one cluster are passed over, so that a group of ten thousand
 * copies costs ten thousand verifications and not their square; the clusters are the same.
 *
 * Members are taken by length, the longest first, as that is the one to be kept.
 */
export class VerifiedPairs {
  private readonly clusters = new Clusters();
  private readonly sets = new Map<number, Uint32Array>();
  private numKept = 0;
  private readonly different = new Set<number>();
  numCandidates = 0;
  numVerified = 0;

  constructor(
    private readonly threshold: number,
    private readonly count: number,
    private readonly shinglesOf: (number: number) => Uint32Array,
  ) {}

  /** The pairs of a group that join what was not joined before. */
  *of(group: readonly Member[]): Generator<Pair, undefined> {
    const members = distinctTexts(group);
    for (const [index, b] of members.entries()) {
      const nearest = members.length <= SMALL_GROUP ? 1 : Math.max(1, index - NEIGHBOURS);
      for (let other = 0; other < index; other = other === 0 ? nearest : other + 1) {
        const a = members[other];
        if (a === undefined) continue;
        this.numCandidates++;
        if (this.clusters.find(a.number) === this.clusters.find(b.number)) continue;
        const similarity = this.similarityOf(a.number, b.number);
        if (similarity < this.threshold) continue;
        this.clusters.join(a.number, b.number);
        yield { a, b, similarity };
      }
    }
  }

  /** Their similarity; 0 if it is known to be below the threshold. */
  private similarityOf(a: number, b: number): number {
    const pair = Math.min(a, b) * this.count + Math.max(a, b);
    if (this.different.has(pair)) return 0;
    const [left, right] = [this.setOf(a), this.setOf(b)];
    this.numVerified++;
    // |A ∩ B| / |A ∪ B| is at most the smaller over the larger.
    const isPossible = Math.min(left.length, right.length) >= this.threshold * Math.max(left.length, right.length);
    const similarity = isPossible ? jaccard(left, right) : 0;
    if (similarity < this.threshold && Number.isSafeInteger(pair)) {
      if (this.different.size >= KEPT_PAIRS) this.different.clear();
      this.different.add(pair);
    }
    return similarity;
  }

  private setOf(number: number): Uint32Array {
    const known = this.sets.get(number);
    if (known !== undefined) return known;
    const set = this.shinglesOf(number);
    this.numKept += set.length;
    this.sets.set(number, set);
    for (const [oldest, { length }] of this.sets) {
      if (this.numKept <= KEPT_SHINGLES) break;
      this.sets.delete(oldest);
      this.numKept -= length;
    }
    return set;
  }
}

/** Of each text the member of the smallest number, the longest text first. */
function distinctTexts(group: readonly Member[]): readonly Member[] {
  const byText = new Map<number, Member>();
  for (const member of group) {
    const known = byText.get(member.text);
    if (known === undefined || member.number < known.number) byText.set(member.text, member);
  }
  return [...byText.values()].sort((a, b) => b.length - a.length || a.number - b.number);
}
