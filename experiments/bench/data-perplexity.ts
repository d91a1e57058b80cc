import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { start, startModule, withChildren } from './child.js';

const recipeOf = (quick: boolean) => ({ order: quick ? 3 : 5, rounds: quick ? 1 : 3 });

interface Told {
  readonly seconds: number;
  /** Σ log₁₀ p of the text. */
  readonly sum: number;
}

/** Training n-gram models and scoring with them, beside KenLM: its lmplz and its Python binding, on the same text. */
export const dataPerplexity: Benchmark = {
  name: 'data-perplexity',
  title: 'training an n-gram model and scoring text with it, beside KenLM',
  workload: (quick) => ({
    ...recipeOf(quick),
    text: quick ? 'the first 20 documents of Brown' : 'Shakespeare and Brown',
    units: 'words between spaces; a line is a sentence',
    peer: 'kenlm 0.3.0: Model.score on an ARPA file that trainNgrams made; lmplz where TRAINBOOK_LMPLZ names it',
  }),
  run: async ({ quick, peer, folder, say }) => {
    const { order, rounds } = recipeOf(quick);
    const loaded = await Promise.all((quick ? ['brown'] : ['shakespeare', 'brown']).map((name) => load(name)));
    const all = loaded.flatMap(({ documents }) => documents.map(({ text }) => text));
    const texts = quick ? all.slice(0, 20) : all;
    await writeFile(join(folder, 'texts.json'), JSON.stringify(texts));
    await writeFile(join(folder, 'text.txt'), `${texts.join('\n')}\n`);
    const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');
    // Words and ends of sentences: all that is predicted.
    const millions = lines.reduce((sum, line) => sum + line.trim().split(/\s+/u).length + 1, 0) / 1e6;
    const script = fileURLToPath(new URL('data_perplexity_peer.py', import.meta.url));
    const children = [
      startModule(new URL('data-perplexity-worker.ts', import.meta.url).href),
      ...(peer === undefined ? [] : [start(peer.python, [script])]),
    ];
    const names = ['ours', 'KenLM'];
    return withChildren(children, async () => {
      const notes = peer === undefined ? ['no peer: --peer-python names a Python that has kenlm'] : [];
      const canTrain: boolean[] = [];
      for (const child of children) canTrain.push(await child.ask<boolean>('start', { folder, order }));
      if (peer !== undefined && canTrain[1] === false)
        notes.push('KenLM did not train: TRAINBOOK_LMPLZ names no lmplz');
      const measurements: Measurement[] = [{ figure: 'text', value: millions, unit: 'million words' }];
      const speeds = { train: children.map((): number[] => []), score: children.map((): number[] => []) };
      for (let round = 0; round < rounds; round++) {
        say(`training, round ${round + 1} of ${rounds}`);
        for (const [index, child] of children.entries()) {
          if (canTrain[index] === true) speeds.train[index]?.push(millions / (await child.ask<number>('train', {})));
        }
      }
      for (const child of children) await child.ask('open', {});
      const sums: number[] = [];
      for (let round = 0; round < rounds; round++) {
        say(`scoring, round ${round + 1} of ${rounds}`);
        for (const [index, child] of children.entries()) {
          const { seconds, sum } = await child.ask<Told>('score', {});
          speeds.score[index]?.push(millions / seconds);
          sums[index] = sum;
        }
      }
      for (const what of ['train', 'score'] as const) {
        speeds[what].forEach((values, index) => {
          if (values.length === 0) return;
          measurements.push(summarise(`${what}: ${names[index] ?? ''}`, values, { unit: 'million words/s' }));
        });
        const [ours = [], theirs = []] = speeds[what];
        if (theirs.length > 0) measurements.push(summarise(`${what}: ours : KenLM`, ratios(ours, theirs)));
      }
      const [own = NaN, other] = sums;
      if (other !== undefined) {
        measurements.push({
          figure: 'difference of the scores',
          value: Math.abs(own - other) / Math.abs(other),
          unit: 'relative',
        });
      }
      return { measurements, notes };
    });
  },
};
