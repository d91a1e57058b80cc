import { TrainbookError } from '../error.js';
import { byteCharacters, byteToken } from './byte-level.js';
import type { TokenizerModel } from './tokenizer-json.js';
import type { TokenizeWord } from './tokenizer.js';

type BpeJson = Extract<TokenizerModel, { readonly type: 'BPE' }>;

/** What the merge of two tokens makes, and its rank: the merge that was learnt first goes first. */
interface Merge {
  readonly rank: number;
  readonly id: number;
}

/**
 * Byte-pair encoding: a word is cut into its characters, or its UTF-8 bytes, and of neighbouring tokens those are joined first
 * whose merge was learnt first; of equal ones the leftmost.
 *
 * Sennrich, Haddow, Birch 2016 (1508.07909); on bytes: Radford et al. 2019 (GPT-2).
 *
 * @param byteLevel Whether tokens are written in the byte-level alphabet, and words come as text.
 * @throws TrainbookError if the result of a merge is not in the vocabulary.
 */
export function bpe(model: BpeJson, byteLevel: boolean): TokenizeWord {
  const table = new Map(Object.entries(model.vocab));
  const merges = mergeTable(model, table);
  const { fuse_unk: fuse, ignore_merges: wholeFirst } = model;
  const unknown = model.unk_token == null ? undefined : idOf(table, model.unk_token);
  const cut = byteLevel ? bytes(table, unknown) : characters(model, table);
  return (word) => {
    if (wholeFirst) {
      const whole = table.get(
        byteLevel ? Array.from(Buffer.from(word), (byte) => byteCharacters[byte]).join('') : word,
      );
      if (whole !== undefined) return [whole];
    }
    const ids = cut(word);
    const kept = fuse ? ids.filter((id, index) => id !== unknown || ids[index - 1] !== unknown) : ids;
    return kept.length <= SHORT ? mergeShort(kept, merges) : mergeLong(kept, merges);
  };
}

/** Left and right id as one number → what their merge makes. Ids are below 2²⁶, so that the number is exact. */
const pairOf = (left: number, right: number): number => left * 0x4000000 + right;
type MergeTable = ReadonlyMap<number, Merge>;

function mergeTable({ merges, continuing_subword_prefix: prefix }: BpeJson, table: Map<string, number>): MergeTable {
  const found = new Map<number, Merge>();
  merges.forEach(([left, right], rank) => {
    const tail = prefix != null && right.startsWith(prefix) ? right.slice(prefix.length) : right;
    const pair = pairOf(idOf(table, left), idOf(table, right));
    const merge = { rank, id: idOf(table, left + tail) };
    found.set(pair, merge); // of two equal merges the last counts, as in Hugging Face's library
  });
  return found;
}

function idOf(table: ReadonlyMap<string, number>, token: string): number {
  const id = table.get(token);
  if (id !== undefined) return id;
  throw new TrainbookError({
    what: 'BPE: the vocabulary is not whole',
    received: `no token ${JSON.stringify(token)}`,
    expected: 'both parts and the result of each merge, and the unknown token',
  });
}

/** Published vocabularies may lack bytes that their training never saw (of SmolLM2: 04, 06, …): these become unknown, or are left out. */
function bytes(table: ReadonlyMap<string, number>, unknown = -1): (word: string) => number[] {
  const ids = Int32Array.from(byteCharacters, (character) => table.get(character) ?? unknown);
  if (!ids.includes(-1)) return (word) => Array.from(Buffer.from(word), (byte) => ids[byte] ?? 0);
  return (word) => Array.from(Buffer.from(word), (byte) => ids[byte] ?? -1).filter((id) => id >= 0);
}

function characters(model: BpeJson, table: ReadonlyMap<string, number>): (word: string) => number[] {
  const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix, unk_token: unknown, byte_fallback } = model;
  return (word) => {
    const symbols = Array.from(word);
    return symbols.flatMap((character, index) => {
      const marked =
        (index > 0 ? (prefix ?? '') : '') + character + (index === symbols.length - 1 ? (suffix ?? '') : '');
      const id = table.get(marked);
      if (id !== undefined) return [id];
      if (byte_fallback) {
        const ids = Array.from(Buffer.from(character), (byte) => table.get(byteToken(byte)) ?? -1);
        if (!ids.includes(-1)) return ids;
      }
      return unknown == null ? [] : [idOf(table, unknown)];
    });
  };
}

/** Up to this length looking through all pairs again is faster than keeping them in order. */
const SHORT = 24;

function mergeShort(ids: number[], merges: MergeTable): number[] {
  for (;;) {
    let best: Merge | undefined;
    let place = 0;
    for (let index = 0; index + 1 < ids.length; index++) {
      const merge = merges.get(pairOf(ids[index] ?? 0, ids[index + 1] ?? 0));
      if (merge !== undefined && (best === undefined || merge.rank < best.rank)) {
        best = merge;
        place = index;
      }
    }
    if (best === undefined) return ids;
    ids.splice(place, 2, best.id);
  }
}

/**
 * The same for long words (a text without spaces, a whole text of SentencePiece) in n log n: neighbours are linked, and their
 * merges wait in a heap ordered by rank and place.
 */
function mergeLong(ids: readonly number[], merges: MergeTable): number[] {
  const tokens = Int32Array.from(ids); // −1: joined to its left neighbour
  const next = Int32Array.from(ids, (_, index) => index + 1);
  const previous = Int32Array.from(ids, (_, index) => index - 1);
  const waiting = new MergeHeap();
  const offer = (place: number): void => {
    const neighbour = next[place] ?? ids.length;
    if (neighbour >= ids.length) return;
    const merge = merges.get(pairOf(tokens[place] ?? 0, tokens[neighbour] ?? 0));
    if (merge !== undefined) waiting.push(merge, place);
  };
  for (let place = 0; place + 1 < ids.length; place++) offer(place);
  for (let top = waiting.pop(); top !== undefined; top = waiting.pop()) {
    const { merge, place } = top;
    const neighbour = next[place] ?? ids.length;
    if ((tokens[place] ?? -1) < 0 || neighbour >= ids.length) continue;
    if (merges.get(pairOf(tokens[place] ?? 0, tokens[neighbour] ?? 0)) !== merge) continue; // one of the two has gone since
    tokens[place] = merge.id;
    tokens[neighbour] = -1;
    const after = next[neighbour] ?? ids.length;
    next[place] = after;
    if (after < ids.length) previous[after] = place;
    offer(place);
    const before = previous[place] ?? -1;
    if (before >= 0) offer(before);
  }
  return Array.from(tokens.filter((token) => token >= 0));
}

/** A binary heap of merges at places: the lowest rank first, of equal ones the leftmost. */
class MergeHeap {
  readonly #entries: { readonly merge: Merge; readonly place: number }[] = [];

  push(merge: Merge, place: number): void {
    const entries = this.#entries;
    let at = entries.length;
    const entry = { merge, place };
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = entries[parent];
      if (above === undefined || !before(entry, above)) break;
      entries[at] = above;
      at = parent;
    }
    entries[at] = entry;
  }

  pop(): { readonly merge: Merge; readonly place: number } | undefined {
    const entries = this.#entries;
    const top = entries[0];
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let lower = entries[child];
      if (lower === undefined) break;
      const right = entries[child + 1];
      if (right !== undefined && before(right, lower)) {
        lower = right;
        child++;
      }
      if (!before(lower, last)) break;
      entries[at] = lower;
      at = child;
    }
    entries[at] = last;
    return top;
  }
}

function before(
  a: { readonly merge: Merge; readonly place: number },
  b: { readonly merge: Merge; readonly place: number },
): boolean {
  return a.merge.rank < b.merge.rank || (a.merge.rank === b.merge.rank && a.place < b.place);
}
