import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { deduplicate, key, load, normalise, permutation } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { startModule, withChildren } from './child.js';
import { writeVariedText } from './varied-text.js';

type Orders = { readonly orders: number; readonly workers: readonly number[]; readonly files: number };

const ordersOf = (quick: boolean): Orders => ({
  orders: quick ? 2 : 20,
  workers: quick ? [1, 2] : [1, 2, 3],
  files: 6,
});

export const answers = {
  /** The different hashes of what all orders and numbers of workers give. */
  hashes: async ({ folder, orders, workers, files }: Orders & { readonly folder: string }): Promise<string[]> => {
    const corpus = join(folder, 'corpus');
    await writeVariedText(corpus, { files, megabytesPerFile: 0.5, copies: 0.3, seed: 3 });
    const paths = (await readdir(corpus)).sort().map((name) => join(corpus, name));
    const hashes = new Set<string>();
    for (let order = 0; order < orders; order++) {
      const shuffled = Array.from(permutation(key(order), paths.length), (at) => paths[at] ?? '');
      for (const threads of workers) {
        const out = join(folder, `out-${order}-${threads}`);
        const written = await load(shuffled)
          .through(normalise(), deduplicate({ threshold: 0.8 }))
          .write(out, { workers: threads, shards: 3 });
        hashes.add(written.hash);
        await rm(out, { recursive: true });
      }
    }
    return [...hashes];
  },
};

/** Whether the bytes of a result depend on the order of the input or the number of workers. */
export const dataOrder: Benchmark = {
  name: 'data-order',
  title: '20 random orders of the input, with 1, 2 and 3 workers: how many different results',
  workload: (quick) => ordersOf(quick),
  run: async ({ quick, folder }) => {
    const child = startModule(import.meta.url);
    const input = { ...ordersOf(quick), folder };
    const hashes = await withChildren([child], () => child.ask<readonly string[]>('hashes', input));
    return {
      measurements: [
        { figure: 'pipelines', value: input.orders * input.workers.length },
        { figure: 'different results', value: hashes.length, goal: { atMost: 1 } },
      ],
    };
  },
};
