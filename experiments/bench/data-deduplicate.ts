import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { start, startModule, withChildren } from './child.js';
import type { Deduplicated } from './deduplicate-worker.js';
import { agreement, exactClusters, wordsOf } from './exact-clusters.js';
import { plantedTexts } from './planted.js';

const NUM_HASHES = 128;
const thresholds = [0.8, 0.9] as const;
const recipeOf = (quick: boolean) => ({ numPassages: quick ? 60 : 6000, rounds: quick ? 1 : 3, processes: 2 });

/** Near-duplicates found and missed, documents a second and memory, beside datasketch and text-dedup in Python, on the same texts. */
export const dataDeduplicate: Benchmark = {
  name: 'data-deduplicate',
  title: 'near-duplicates by MinHash, beside datasketch and text-dedup in Python',
  workload: (quick) => ({
    ...recipeOf(quick),
    thresholds: [...thresholds],
    numHashes: NUM_HASHES,
    shingles: '5 words, without case and punctuation',
    truth:
      'all pairs whose exact Jaccard similarity reaches the threshold, joined to clusters; pairs in one cluster are counted',
    texts:
      'licences of SPDX; passages of Brown, Shakespeare and Chinese classics with planted near-duplicates, 1% to 30% of the words edited',
    threads: 'ours and datasketch: one; text-dedup: two processes',
  }),
  run: async ({ quick, peer, folder, say }) => {
    const { numPassages, rounds, processes } = recipeOf(quick);
    say('the texts, and their true similarities');
    const licences = (await load('spdx_neardup')).documents.map(({ text }) => text);
    const corpora: Readonly<Record<string, readonly string[]>> = { licences, planted: await plantedTexts(numPassages) };
    const notes =
      peer === undefined ? ['no peer: --peer-python names a Python that has datasketch and text-dedup'] : [];
    const measurements: Measurement[] = [];
    const script = fileURLToPath(new URL('deduplicate_peer.py', import.meta.url));
    for (const [name, texts] of Object.entries(corpora)) {
      // Fresh processes: memory that a run leaves free would serve the next.
      const ours = startModule(new URL('deduplicate-worker.ts', import.meta.url).href);
      const theirs = peer === undefined ? undefined : start(peer.python, [script]);
      await withChildren([ours, ...(theirs === undefined ? [] : [theirs])], async () => {
        await writeFile(join(folder, 'texts.json'), JSON.stringify(texts));
        await writeFile(join(folder, 'words.json'), JSON.stringify(texts.map((text) => wordsOf(text).join(' '))));
        await ours.ask('start', { file: join(folder, 'texts.json') });
        await theirs?.ask('start', { file: join(folder, 'words.json') });
        const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
        measurements.push({
          figure: `${name}: documents`,
          value: texts.length,
          unit: `of ${Math.round(bytes / texts.length)} bytes`,
        });
        for (const threshold of thresholds) {
          const truth = exactClusters(texts, threshold);
          const input = { threshold, numHashes: NUM_HASHES };
          const contestants: Readonly<Record<string, () => Promise<Deduplicated>>> = {
            ours: () => ours.ask<Deduplicated>('deduplicate', input),
            ...(theirs === undefined
              ? {}
              : {
                  datasketch: () => theirs.ask<Deduplicated>('datasketch', input),
                  'text-dedup': () => theirs.ask<Deduplicated>('textDedup', { ...input, processes }),
                }),
          };
          const speeds = new Map(Object.keys(contestants).map((contestant): [string, number[]] => [contestant, []]));
          const f1 = new Map<string, number>();
          for (let round = 0; round < (name === 'planted' ? rounds : 1); round++) {
            for (const [contestant, run] of Object.entries(contestants)) {
              say(`${name}, threshold ${threshold}, round ${round + 1}: ${contestant}`);
              const { seconds, megabytes, clusters, work } = await run();
              speeds.get(contestant)?.push(texts.length / seconds);
              if (round > 0) continue;
              const found = agreement(clusters, truth);
              f1.set(contestant, found.f1);
              for (const what of ['precision', 'recall', 'f1'] as const)
                measurements.push({ figure: `${name}, ${threshold}, ${what}: ${contestant}`, value: found[what] });
              if (name === 'planted' && threshold === thresholds[0] && megabytes !== null)
                measurements.push({
                  figure: `${name}, ${threshold}, memory: ${contestant}`,
                  value: (megabytes * 1e6) / texts.length,
                  unit: 'bytes a document',
                });
              if (work !== undefined) notes.push(`${name}, ${threshold}: ${JSON.stringify(work)}`);
            }
          }
          for (const contestant of [...speeds.keys()].slice(1)) {
            measurements.push({
              figure: `${name}, ${threshold}, F1: ours − ${contestant}`,
              value: (f1.get('ours') ?? NaN) - (f1.get(contestant) ?? NaN),
              goal: { atLeast: 0 },
            });
          }
          if (name !== 'planted') continue; // too few to be timed
          for (const [contestant, values] of speeds)
            measurements.push(summarise(`${name}, ${threshold}: ${contestant}`, values, { unit: 'documents/s' }));
          const [own = [], ...others] = speeds.values();
          others.forEach((values, index) => {
            const contestant = [...speeds.keys()][index + 1] ?? '';
            measurements.push(
              summarise(
                `${name}, ${threshold}: ours : ${contestant}`,
                ratios(own, values),
                contestant === 'text-dedup' ? { goal: { atLeast: 3 } } : {},
              ),
            );
          });
        }
      });
    }
    return { measurements, notes };
  },
};
