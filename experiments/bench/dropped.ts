import * as tf from '@tensorflow/tfjs';
import { compile, engineInfo } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { startModule, withChildren } from './child.js';
import { peakMegabytes } from './memory.js';

/** Results of a loop that nobody disposes of, and the bytes of one. */
type Recipe = { readonly results: number; readonly bytes: number };

const recipeOf = (isQuick: boolean): Recipe =>
  isQuick ? { results: 20, bytes: 400_000 } : { results: 500, bytes: 4_000_000 };

/** The ways to await in a loop. */
const loops = {
  compiled: 'await compiled(x)',
  data: 'await tf.add(x, 1).data()',
  immediate: 'tf.add(x, 1), await setImmediate',
} as const;

/** Whether garbage goes: results that are dropped, never disposed, in loops that await. */
export const dropped: Benchmark = {
  name: 'dropped',
  title: '500 results of 4 MB dropped in an awaited loop: the highest memory',
  workload: (isQuick) => ({ ...recipeOf(isQuick), loops, dtype: 'float32' }),
  run: async ({ quick }) => {
    const measurements: Measurement[] = [];
    for (const [loop, words] of Object.entries(loops)) {
      const child = startModule(import.meta.url);
      const peak = await withChildren([child], () => child.ask<number | null>('drop', { ...recipeOf(quick), loop }));
      const goal = { atMost: 1000 };
      measurements.push(
        peak === null
          ? { figure: words, value: 'not measured: this system tells no peak' }
          : { figure: words, value: peak, unit: 'MB', goal },
      );
    }
    return { measurements };
  },
};

export const answers = {
  drop: async ({ results, bytes, loop }: Recipe & { loop: keyof typeof loops }): Promise<number | null> => {
    engineInfo();
    const x = tf.zeros([bytes / 4]);
    const compiled = compile((value: tf.Tensor) => tf.add(value, 1));
    const turn = {
      compiled: () => compiled(x),
      data: () => tf.add(x, 1).data(),
      immediate: () => {
        tf.add(x, 1);
        return new Promise((resolve) => setImmediate(resolve));
      },
    }[loop];
    for (let index = 0; index < results; index++) await turn();
    return peakMegabytes();
  },
};
