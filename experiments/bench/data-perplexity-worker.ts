import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ngramScorer, trainNgrams, writeArpa } from 'trainbook';
import type { NgramModel } from 'trainbook';
import type { Json } from '../../src/files.js';

let texts: readonly string[] = [];
let folder = '';
let order = 5;
let model: NgramModel | undefined;

export const answers = {
  start: async (input: { readonly folder: string; readonly order: number }): Promise<boolean> => {
    ({ folder, order } = input);
    texts = JSON.parse(await readFile(join(folder, 'texts.json'), 'utf8')) as string[];
    return true;
  },
  /** Seconds to train: from texts in memory to a model that can score. */
  train: async (): Promise<number> => {
    const started = performance.now();
    model = await trainNgrams(
      texts.map((text) => ({ text })),
      { order, units: 'spaces' },
    );
    return (performance.now() - started) / 1000;
  },
  /** The model for the other side. */
  open: async (): Promise<Json> => {
    if (model !== undefined) await writeArpa(model, join(folder, 'model.arpa'));
    return null;
  },
  score: (): { seconds: number; sum: number } => {
    if (model === undefined) throw new Error('train comes first');
    const scorer = ngramScorer(model);
    const started = performance.now();
    const sum = texts.reduce((total, text) => total + scorer.score(text).logProbability, 0) / Math.LN10;
    return { seconds: (performance.now() - started) / 1000, sum };
  },
};
