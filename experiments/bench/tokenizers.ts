import { availableParallelism } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { start, startModule, withChildren } from './child.js';

const kinds = ['bpe', 'wordPiece', 'unigram'] as const;
const recipeOf = (quick: boolean) => ({ vocabularySize: quick ? 1024 : 8192, rounds: quick ? 1 : 3 });

interface Encoded {
  readonly seconds: number;
  readonly sum: number;
}

/** Training and encoding of each kind of tokenizer, ours beside Hugging Face's in Python, on the same text. */
export const tokenizers: Benchmark = {
  name: 'tokenizers',
  title: 'training a tokenizer and encoding with it, beside Hugging Face tokenizers in Python',
  workload: (quick) => ({
    ...recipeOf(quick),
    kinds: [...kinds],
    text: quick ? 'the first 20 documents of Brown' : 'Shakespeare and Brown',
    threads: `ours: one; Hugging Face’s: ${availableParallelism()}`,
  }),
  run: async ({ quick, peer, folder, say }) => {
    const { vocabularySize, rounds } = recipeOf(quick);
    const sources = quick ? ['brown'] : ['shakespeare', 'brown'];
    const loaded = await Promise.all(sources.map((name) => load(name)));
    const all = loaded.flatMap(({ documents }) => documents.map(({ text }) => text));
    const texts = quick ? all.slice(0, 20) : all;
    await writeFile(join(folder, 'texts.json'), JSON.stringify(texts));
    const megabytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
    const script = fileURLToPath(new URL('tokenizers_peer.py', import.meta.url));
    const children = [
      startModule(new URL('tokenizers-worker.ts', import.meta.url).href),
      ...(peer === undefined ? [] : [start(peer.python, [script])]),
    ];
    const names = ['ours', 'Hugging Face'];
    return withChildren(children, async () => {
      for (const child of children) await child.ask('start', { folder });
      const measurements: Measurement[] = [{ figure: 'text', value: megabytes, unit: 'MB' }];
      const notes = peer === undefined ? ['no peer: --peer-python names a Python that has tokenizers and PyTorch'] : [];
      for (const kind of kinds) {
        const speeds = { train: children.map((): number[] => []), encode: children.map((): number[] => []) };
        const sums = new Set<number>();
        for (let round = 0; round < rounds; round++) {
          say(`${kind}, round ${round + 1} of ${rounds}`);
          for (const [index, child] of children.entries())
            speeds.train[index]?.push(megabytes / (await child.ask<number>('train', { kind, size: vocabularySize })));
          for (const [index, child] of children.entries()) {
            const { seconds, sum } = await child.ask<Encoded>('encode', { kind });
            speeds.encode[index]?.push(megabytes / seconds);
            sums.add(sum);
          }
        }
        if (sums.size > 1) notes.push(`${kind}: the two gave different ids`);
        for (const what of ['train', 'encode'] as const) {
          speeds[what].forEach((values, index) => {
            measurements.push(summarise(`${what}, ${kind}: ${names[index] ?? ''}`, values, { unit: 'MB/s' }));
          });
          const [ours = [], theirs] = speeds[what];
          if (theirs !== undefined)
            measurements.push(summarise(`${what}, ${kind}: ours : Hugging Face`, ratios(ours, theirs)));
        }
      }
      return { measurements, notes };
    });
  },
};
