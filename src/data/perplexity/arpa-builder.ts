import { BEGIN, borders, END, UNKNOWN } from './ngram-model.js';
import type { NgramModel } from './ngram-model.js';
import { nodeOfUnit, NgramTrie, unitOfNode } from './ngram-trie.js';
import type { Units } from './units.js';

/** What KenLM gives an unknown unit where the model does not say: log₁₀ p. */
const MISSING = -100;

/** A model while its n-grams come, shorter ones first. */
export class ArpaBuilder {
  /** N-grams that were added, by order from 1. */
  readonly counts: number[] = [];
  private readonly vocabulary = new Map<string, number>(borders.map((name, unit) => [name, unit]));
  private readonly trie = new NgramTrie();
  /** log₁₀ p and back-off. */
  private readonly ofUnit: number[] = [MISSING, 0, MISSING, 0, MISSING, 0];
  private readonly ofNode: number[] = [];
  private readonly seen = new Set<number>();

  constructor(private readonly order: number) {}

  /** Adds an n-gram, or says why not. */
  add(names: readonly string[], logProbability: number, backOff: number): string | undefined {
    const order = names.length;
    this.counts[order - 1] = (this.counts[order - 1] ?? 0) + 1;
    if (order === 1) return this.addUnit(names[0] ?? '', logProbability, backOff);
    const units = names.map((name) => this.vocabulary.get(spelling(name)) ?? -1);
    if (units.includes(-1)) return 'a unit that is not among the 1-grams';
    const prefix = this.nodeOf(units, 0, order - 1);
    const unit = units[order - 1] ?? 0;
    if (this.trie.child(prefix, unit) >= 0) return 'an n-gram that was there before';
    this.nodeOf(units, 1, order);
    this.set(this.trie.add(prefix, unit), logProbability, backOff);
    return undefined;
  }

  finish(units: Units, wrong: (what: string) => Error): NgramModel {
    if (!this.seen.has(BEGIN) || !this.seen.has(END)) throw wrong('the 1-grams lack <s> or </s>');
    const counts = new Array<number>(this.order).fill(0);
    counts[0] = this.vocabulary.size;
    const depths = new Uint8Array(this.trie.size);
    for (let node = 0; node < this.trie.size; node++) {
      const prefix = this.trie.prefixes[node] ?? 0;
      const depth = prefix < 0 ? 2 : (depths[prefix] ?? 0) + 1;
      depths[node] = depth;
      counts[depth - 1] = (counts[depth - 1] ?? 0) + 1;
    }
    return {
      order: this.order,
      units,
      vocabulary: this.vocabulary,
      counts,
      table: this.trie.table(this.vocabulary.size, (node) => [this.logProbability(node), this.backOff(node)]),
    };
  }

  private addUnit(name: string, logProbability: number, backOff: number): string | undefined {
    const spelt = spelling(name);
    const unit = this.vocabulary.get(spelt) ?? this.vocabulary.size;
    if (this.seen.has(unit)) return 'an n-gram that was there before';
    this.seen.add(unit);
    this.vocabulary.set(spelt, unit);
    this.ofUnit[2 * unit] = logProbability;
    this.ofUnit[2 * unit + 1] = backOff;
    return undefined;
  }

  /** The node of units[from … to − 1]; it and what it needs are added where the file has them not. */
  private nodeOf(units: readonly number[], from: number, to: number): number {
    if (to - from === 1) return nodeOfUnit(units[from] ?? 0);
    const prefix = this.nodeOf(units, from, to - 1);
    const unit = units[to - 1] ?? 0;
    const node = this.trie.child(prefix, unit);
    if (node >= 0) return node;
    const shorter = this.nodeOf(units, from + 1, to);
    const added = this.trie.add(prefix, unit);
    this.set(added, this.backOff(prefix) + this.logProbability(shorter), 0);
    return added;
  }

  private set(node: number, logProbability: number, backOff: number): void {
    this.ofNode[2 * node] = logProbability;
    this.ofNode[2 * node + 1] = backOff;
  }

  private logProbability(node: number): number {
    return (node < 0 ? this.ofUnit[2 * unitOfNode(node)] : this.ofNode[2 * node]) ?? 0;
  }

  private backOff(node: number): number {
    return (node < 0 ? this.ofUnit[2 * unitOfNode(node) + 1] : this.ofNode[2 * node + 1]) ?? 0;
  }
}

/** As KenLM has it, `<UNK>` is `<unk>`. */
function spelling(name: string): string {
  return name === '<UNK>' ? borders[UNKNOWN] : name;
}
