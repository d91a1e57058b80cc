import * as tf from '@tensorflow/tfjs';
import { engineInfo } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { summarise } from './blocks.js';
import { startModule, withChildren } from './child.js';

/** Elements of a and b; blocks, and operations in each. */
type Recipe = { readonly elements: number; readonly blocks: number; readonly operations: number };

const recipeOf = (isQuick: boolean): Recipe =>
  isQuick ? { elements: 4, blocks: 3, operations: 200 } : { elements: 4, blocks: 25, operations: 10_000 };

/** What an eager operation costs by itself: a sum of 4 numbers, and its end. */
export const opOverhead: Benchmark = {
  name: 'op-overhead',
  title: 'tf.add(a, b) and dispose, eager',
  workload: (isQuick) => ({ ...recipeOf(isQuick), dtype: 'float32' }),
  run: ({ quick }) => {
    const child = startModule(import.meta.url);
    return withChildren([child], async () => {
      const blocks = await child.ask<number[]>('measure', recipeOf(quick));
      return { measurements: [summarise('one operation', blocks, { unit: 'µs', goal: { atMost: 15 } })] };
    });
  },
};

export const answers = {
  measure: ({ elements, blocks, operations }: Recipe): number[] => {
    engineInfo();
    const a = tf.ones([elements]);
    const b = tf.ones([elements]);
    const block = (): number => {
      const started = performance.now();
      for (let index = 0; index < operations; index++) tf.add(a, b).dispose();
      return ((performance.now() - started) * 1000) / operations;
    };
    block(); // V8 compiles what runs often
    return Array.from({ length: blocks }, block);
  },
};
