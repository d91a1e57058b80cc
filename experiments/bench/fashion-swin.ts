import { join } from 'node:path';
import { engineName, runExperiment } from 'trainbook';
import type { Json } from '../../src/files.js';
import type { Benchmark } from '../../src/commands/bench.js';
import fashionSwin from '../fashion-swin.js';
import { startModule, withChildren } from './child.js';

/** Config values in place of the experiment's own. */
type Changes = Readonly<Record<string, Json>>;

const changesOf = (isQuick: boolean): Changes =>
  isQuick
    ? {
        'model.depths': [1],
        'model.heads': [1],
        'model.width': 8,
        'model.patch': 4,
        'train.epochs': 0.1,
        'train.warmupSteps': 2,
      }
    : {};

const seedsOf = (isQuick: boolean): readonly number[] => (isQuick ? [1] : [1, 2, 3]);

/** Swin on Fashion-MNIST's shipped part from nothing, with three seeds: how good, and how long. */
export const fashionSwinBenchmark: Benchmark = {
  name: 'fashion-swin',
  title: 'experiments/fashion-swin.ts: accuracy on the 600 test images, from 3,000, with three seeds',
  workload: (isQuick) => ({
    experiment: 'fashion-swin',
    changes: changesOf(isQuick),
    seeds: [...seedsOf(isQuick)],
    dtype: 'float32',
  }),
  run: async ({ quick, folder, say }) => {
    const runs: Found[] = [];
    for (const seed of seedsOf(quick)) {
      say(`seed ${seed}`);
      const child = startModule(import.meta.url);
      const input = { runsFolder: join(folder, String(seed), 'runs'), changes: changesOf(quick), seed };
      runs.push(await withChildren([child], () => child.ask<Found>('run', input)));
    }
    const spreadOf = (values: readonly number[]) => ({
      value: values.reduce((sum, value) => sum + value, 0) / values.length,
      spread: [Math.min(...values), Math.max(...values)] as [number, number],
    });
    return {
      measurements: [
        { figure: 'accuracy, mean of the seeds', ...spreadOf(runs.map((run) => run.accuracy)), goal: { atLeast: 0.9 } },
        { figure: 'accuracy, seen in a mirror too', ...spreadOf(runs.map((run) => run.accuracyMirrored)) },
        { figure: 'time of a seed', ...spreadOf(runs.map((run) => run.seconds)), unit: 's', goal: { atMost: 600 } },
        ...(runs.length < 2
          ? []
          : [
              {
                figure: 'accuracy, half of the 95% interval over seeds (Student’s t)',
                value: halfInterval(runs.map((run) => run.accuracy)),
              },
            ]),
      ],
    };
  },
};

/** t₀.₉₇₅ with two degrees of freedom, of three seeds. */
const tOfThree = 4.303;

function halfInterval(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return tOfThree * Math.sqrt(variance / values.length);
}

type Found = { readonly seconds: number; readonly accuracy: number; readonly accuracyMirrored: number };

export const answers = {
  run: async ({
    runsFolder,
    changes,
    seed,
  }: {
    runsFolder: string;
    changes: Changes;
    seed: number;
  }): Promise<Found> => {
    const started = performance.now();
    const run = await runExperiment(fashionSwin, { runsFolder, set: changes, seed, numericClass: engineName() });
    const seconds = (performance.now() - started) / 1000;
    const { accuracy, accuracyMirrored } = await run.artifact('score');
    return { seconds, accuracy, accuracyMirrored };
  },
};
