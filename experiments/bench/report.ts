import { stat } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { writeReport } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { writeAblation } from '../../test/report/fixtures/ablation.js';
import { summarise } from './blocks.js';
import { startModule, withChildren } from './child.js';

/** Arms are all pairs of a norm and a rate. */
type Recipe = {
  readonly norms: readonly string[];
  readonly rates: readonly number[];
  readonly seeds: readonly number[];
  /** Rows of metrics in each run. */
  readonly points: number;
  /** Times that the report is written. */
  readonly rounds: number;
};

const norms = (count: number): string[] => Array.from({ length: count }, (_, index) => `norm${index}`);

const recipeOf = (isQuick: boolean): Recipe =>
  isQuick
    ? { norms: norms(2), rates: [3e-4, 1e-3], seeds: [1, 2], points: 50, rounds: 1 }
    : { norms: norms(25), rates: [3e-4, 1e-3], seeds: [1, 2, 3], points: 10_000, rounds: 3 };

/** How long the report of a large ablation takes, reading included, and how large its page is. */
export const reportOfArms: Benchmark = {
  name: 'report',
  title: 'the report of an ablation of 50 arms × 3 seeds × 10,000 rows of 3 metrics, from its records',
  workload: recipeOf,
  run: async ({ quick, folder, say }) => {
    const recipe = recipeOf(quick);
    say('writing the records');
    const ablation = await writeAblation(recipe, folder);
    const child = startModule(import.meta.url);
    const found = await withChildren([child], () => child.ask<Found>('write', { ablation, rounds: recipe.rounds }));
    const measurements: Measurement[] = [
      summarise('report.html', found.seconds, { unit: 's', goal: { atMost: 10 } }),
      { figure: 'size of the page', value: found.megabytes, unit: 'MB', goal: { atMost: 2 } },
      { figure: 'highest memory of the process', value: found.peakMegabytes, unit: 'MB' },
    ];
    return { measurements };
  },
};

type Found = { readonly seconds: number[]; readonly megabytes: number; readonly peakMegabytes: number };

export const answers = {
  write: async ({ ablation, rounds }: { ablation: string; rounds: number }): Promise<Found> => {
    const seconds: number[] = [];
    let path = '';
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      path = await writeReport(ablation);
      seconds.push((performance.now() - began) / 1000);
    }
    const { size } = await stat(path);
    return { seconds, megabytes: size / 1e6, peakMegabytes: (process.resourceUsage().maxRSS * 1024) / 1e6 };
  },
};
