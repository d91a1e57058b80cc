import { join } from 'node:path';
import { engineName, runExperiment, weightHash } from 'trainbook';
import type { Json } from '../../src/files.js';
import type { Benchmark } from '../../src/commands/bench.js';
import quickstartExperiment from '../quickstart.js';
import { startModule, withChildren } from './child.js';

/** Config values in place of the experiment's own. */
type Changes = Readonly<Record<string, Json>>;

const changesOf = (isQuick: boolean): Changes =>
  isQuick
    ? {
        'model.layers': 1,
        'model.width': 32,
        'model.heads': 2,
        'model.context': 32,
        'train.steps': 4,
        'train.warmupSteps': 2,
        'train.batchSize': 2,
      }
    : {};

/** The quickstart twice from nothing, with one seed: how long, how good, and whether the weights are equal. */
export const quickstart: Benchmark = {
  name: 'quickstart',
  title: 'experiments/quickstart.ts with an empty store, twice with one seed',
  workload: (isQuick) => ({ experiment: 'quickstart', changes: changesOf(isQuick), seed: 1, dtype: 'float32' }),
  run: async ({ quick, folder, say }) => {
    const runs: Found[] = [];
    for (const name of ['first', 'second']) {
      say(`the ${name} run`);
      const child = startModule(import.meta.url);
      const input = { runsFolder: join(folder, name, 'runs'), changes: changesOf(quick) };
      runs.push(await withChildren([child], () => child.ask<Found>('run', input)));
    }
    const [first, second] = runs as [Found, Found];
    const seconds: [number, number] = [
      Math.min(first.seconds, second.seconds),
      Math.max(first.seconds, second.seconds),
    ];
    return {
      measurements: [
        {
          figure: 'time',
          value: (first.seconds + second.seconds) / 2,
          unit: 's',
          spread: seconds,
          goal: { atMost: 180 },
        },
        { figure: 'held-out text', value: first.bitsPerByte, unit: 'bits per byte' },
        { figure: 'weights of the first run', value: first.weights },
        { figure: 'weights of the second run', value: second.weights },
        { figure: 'runs with other weights', value: first.weights === second.weights ? 0 : 1, goal: { atMost: 0 } },
      ],
    };
  },
};

type Found = { readonly seconds: number; readonly bitsPerByte: number; readonly weights: string };

export const answers = {
  run: async ({ runsFolder, changes }: { runsFolder: string; changes: Changes }): Promise<Found> => {
    const started = performance.now();
    const run = await runExperiment(quickstartExperiment, {
      runsFolder,
      set: changes,
      seed: 1,
      numericClass: engineName(),
    });
    const seconds = (performance.now() - started) / 1000;
    const { bitsPerByte } = await run.artifact('score');
    return { seconds, bitsPerByte, weights: await weightHash(await run.artifact('base')) };
  },
};
