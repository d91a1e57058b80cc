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

/** The runs of n words of reference texts; shorter texts, if long enough, as one run. About 70 bytes a run and 4 a word. */
export class NgramIndex {
  private readonly ids: string[] = [];
  private readonly words: Uint32Array[] = [];
  /** By length of run, for each hash the first run that has it. */
  private readonly runs = new Map<number, Map<number, number>>();
  /** A bit for each 24 bits of a hash: whether any run has them. It is asked first: 2 MB stay near the processor, the maps do not. */
  private readonly bits = new Uint8Array(2 ** 21);
  /** Of each run the text and its first word, and the next run of the same hash; −1 after the last. */
  private readonly texts: number[] = [];
  private readonly starts: number[] = [];
  private readonly nexts: number[] = [];

  constructor(
    private readonly n: number,
    private readonly minimumWords: number,
  ) {}

  /** Different runs. */
  get size(): number {
    return this.texts.length;
  }

  get numTexts(): number {
    return this.ids.length;
  }

  add(id: string, text: string): void {
    const words = wordHashes(text).slice();
    const place = this.ids.push(id) - 1;
    this.words.push(words);
    if (words.length < Math.min(this.n, this.minimumWords)) return;
    const width = Math.min(this.n, words.length);
    const known = this.runs.get(width) ?? new Map<number, number>();
    this.runs.set(width, known);
    runHashes(words, width).forEach((hash, start) => {
      const run = known.get(hash) ?? -1;
      if (this.find(run, words, start, width) !== undefined) return;
      known.set(hash, this.texts.push(place) - 1);
      this.bits[hash >>> 11] = (this.bits[hash >>> 11] ?? 0) | (1 << ((hash >>> 8) & 7));
      this.starts.push(start);
      this.nexts.push(run);
    });
  }

  /** The stretches of a text that are in the reference, in order, as long as they go on. */
  passagesIn(text: string): readonly Passage[] {
    const words = wordHashes(text);
    const shared: { start: number; end: number; reference: string }[] = []; // in words
    for (const [width, known] of this.runs) {
      if (words.length < width) continue;
      runHashes(words, width).forEach((hash, start) => {
        if (((this.bits[hash >>> 11] ?? 0) & (1 << ((hash >>> 8) & 7))) === 0) return;
        const run = known.get(hash);
        const reference = run === undefined ? undefined : this.find(run, words, start, width);
        if (reference === undefined) return;
        const last = shared.at(-1);
        if (last !== undefined && start >= last.start && start <= last.end)
          last.end = Math.max(last.end, start + width);
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

  /** The reference text that has the very words, of this run or those of the same hash after it. */
  private find(first: number, words: Uint32Array, start: number, width: number): string | undefined {
    for (let run = first; run >= 0; run = this.nexts[run] ?? -1) {
      const place = this.texts[run] ?? 0;
      const reference = this.words[place];
      const from = this.starts[run] ?? 0;
      let length = 0;
      while (length < width && reference?.[from + length] === words[start + length]) length++;
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
