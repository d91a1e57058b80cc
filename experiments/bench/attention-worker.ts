import * as tf from '@tensorflow/tfjs';
import { compile, engineInfo, key, normal } from 'trainbook';
import { blockMixing, mixing } from './built.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** Input of `start`: attention of one layer of GPT-2 small, causal, forward and backward. */
export type AttentionStart = {
  readonly form: 'at once' | 'blocks';
  readonly heads: number;
  readonly headSize: number;
  readonly time: number;
};

/** Answer to `start`: the highest memory of runs after the first, in MB above the RSS after import; sums to compare the forms by. */
export type AttentionStarted = {
  readonly peak: number | null;
  readonly sums: readonly number[];
};

type Run = (...tensors: tf.Tensor[]) => Promise<tf.Tensor[]>;
let run: Run;
let inputs: tf.Tensor[] = [];

async function once(): Promise<number[]> {
  const results = await run(...inputs);
  const sums: number[] = [];
  for (const result of results) sums.push(((await result.data()) as Float32Array)[0] ?? NaN);
  tf.dispose(results);
  return sums;
}

export const answers = {
  start: async ({ form, heads, headSize, time }: AttentionStart): Promise<AttentionStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    const draw = (name: number, shape: number[]): tf.Tensor => normal(key(name), shape);
    const [queries, others] = [
      [1, heads, 1, time, headSize],
      [1, heads, time, headSize],
    ] as const;
    tf.dispose(inputs);
    inputs = [
      tf.mul(draw(1, [...queries]), 1 / Math.sqrt(headSize)),
      draw(2, [...others]),
      draw(3, [...others]),
      draw(4, [...queries]),
    ];
    const mix = form === 'blocks' ? blockMixing({ causal: true }) : mixing({ causal: true });
    run = compile((q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, dy: tf.Tensor) => {
      const { grads } = tf.valueAndGrads((...[a, b, c]: tf.Tensor[]) =>
        mix(a as tf.Tensor, b as tf.Tensor, c as tf.Tensor),
      )([q, k, v], dy);
      return grads.map((grad) => tf.sum(tf.abs(grad)));
    });
    const sums = await once();
    resetPeak();
    await once();
    const peak = peakMegabytes();
    return { peak: peak === null ? null : peak - imported, sums };
  },
  /** Runs for about so many seconds; milliseconds a run. */
  block: async ({ seconds }: { readonly seconds: number }): Promise<number> => {
    const started = performance.now();
    let numRuns = 0;
    while (numRuns === 0 || performance.now() - started < seconds * 1000) {
      await once();
      numRuns++;
    }
    return (performance.now() - started) / numRuns;
  },
};
