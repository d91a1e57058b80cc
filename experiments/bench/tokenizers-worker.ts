import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadTokenizer, saveTokenizer, trainBpe, trainUnigram, trainWordPiece } from 'trainbook';
import type { Json } from '../../src/files.js';

/** The kinds of tokenizers, and how each is trained. */
export const trainers = { bpe: trainBpe, wordPiece: trainWordPiece, unigram: trainUnigram } as const;
export type Kind = keyof typeof trainers;

let texts: readonly string[] = [];
let folder = '';

export const answers = {
  start: async (input: { readonly folder: string }): Promise<Json> => {
    folder = input.folder;
    texts = JSON.parse(await readFile(join(folder, 'texts.json'), 'utf8')) as string[];
    return null;
  },
  /** Seconds to train; the tokenizer is kept for `encode`, ours and the peer's. */
  train: async ({ kind, size }: { readonly kind: Kind; readonly size: number }): Promise<number> => {
    const started = performance.now();
    const tokenizer = await trainers[kind]({ documents: texts.map((text) => ({ text })) }, { vocabularySize: size });
    const seconds = (performance.now() - started) / 1000;
    await saveTokenizer(tokenizer, join(folder, kind));
    return seconds;
  },
  /** With a tokenizer that has seen nothing yet. Seconds, and the sum of the ids. */
  encode: async ({ kind }: { readonly kind: Kind }): Promise<{ seconds: number; sum: number }> => {
    const tokenizer = await loadTokenizer(join(folder, kind));
    const started = performance.now();
    const encoded = texts.map((text) => tokenizer.encode(text));
    const seconds = (performance.now() - started) / 1000;
    return { seconds, sum: encoded.reduce((sum, ids) => ids.reduce((total, id) => total + id, sum), 0) };
  },
};
