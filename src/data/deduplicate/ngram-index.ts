import { runHashes, wordHashes, wordSpans } from './shingles.js';

/** A stretch of a text all of whose words are in runs that a reference text has, too: text[start, end). */
export interface Passage {
  readonly start: number;
  readonly end: number;
  readonly numWords: number;
  /** Words of the whole text. */
  readonly numWordsOfText: number;
  /** The reference text by id: the first with the first of these runs. */
  readonly reference: string;
}

/** The runs of n words of reference texts; shorter texts, if long enough, as one run. */
export class NgramIndex {
  private readonly ids: string[] = [];
  private readonly words: Uint32Array[] = [];
  /** By length of run, for each hash the places that have it: text and first word. Different runs of one hash are kept apart. */
  private readonly runs = new Map<number, Map<number, number[]>>();
  size = 0;

  constructor(
    private readonly n: number,
    private readonly minimumWords: number,
  ) {}

  get numTexts(): number {
    return this.ids.length;
  }

  add(id: string, text: string): void {
    const words = wordHashes(text).slice();
    const place = this.ids.push(id) - 1;
    this.words.push(words);
    if (words.length < Math.min(this.n, this.minimumWords)) return;
    const width = Math.min(this.n, words.length);
    const known = this.runs.get(width) ?? new Map<number, number[]>();
    this.runs.set(width, known);
    runHashes(words, width).forEach((hash, start) => {
      const places = known.get(hash);
      if (places === undefined) known.set(hash, [place, start]);
      else if (this.find(places, words, start, width) === undefined) places.push(place, start);
      else return;
      this.size++;
    });
  }

  /** The stretches of a text that are in the reference, in order, as long as they go on. */
  passagesIn(text: string): readonly Passage[] {
    const words = wordHashes(text);
    const shared: { start: number; end: number; reference: string }[] = []; // in words
    for (const [width, known] of this.runs) {
      if (words.length < width) continue;
      runHashes(words, width).forEach((hash, start) => {
        const places = known.get(hash);
        const reference = places === undefined ? undefined : this.find(places, words, start, width);
        if (reference === undefined) return;
        const last = shared.at(-1);
        if (last !== undefined && start >= last.start && start <= last.end) last.end = start + width;
        else shared.push({ start, end: start + width, reference });
      });
    }
    if (shared.length === 0) return [];
    const spans = wordSpans(text);
    return united(shared).map(({ start, end, reference }) => ({
      start: spans[2 * start] ?? 0,
      end: spans[2 * end - 1] ?? text.length,
      numWords: end - start,
      numWordsOfText: words.length,
      reference,
    }));
  }

  /** The reference text, of these places, that has the very words. */
  private find(places: readonly number[], words: Uint32Array, start: number, width: number): string | undefined {
    for (let at = 0; at < places.length; at += 2) {
      const place = places[at] ?? 0;
      const reference = this.words[place];
      const first = places[at + 1] ?? 0;
      let length = 0;
      while (length < width && reference?.[first + length] === words[start + length]) length++;
      if (length === width) return this.ids[place];
    }
    return undefined;
  }
}

/** Stretches that overlap as one, in order. Runs of several lengths come one length after the other. */
function united(
  shared: readonly { readonly start: number; readonly end: number; readonly reference: string }[],
): readonly { readonly start: number; readonly end: number; readonly reference: string }[] {
  const all: { start: number; end: number; reference: string }[] = [];
  for (const one of [...shared].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = all.at(-1);
    if (last !== undefined && one.start <= last.end) last.end = Math.max(last.end, one.end);
    else all.push({ ...one });
  }
  return all;
}
