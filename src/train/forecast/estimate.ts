import * as tf from '@tensorflow/tfjs';
import type { Decoder } from '../../model/decoder.js';
import type { TrainOptions } from '../train-options.js';

/** A step reaches about this part of the rate of its own matrix products alone: the rest is norms, softmax, optimizer. */
export const efficiency = 0.6;

/** Seconds to trace and compile: a fixed part, and one a layer. */
const compileSeconds = { fixed: 2, perLayer: 0.5 };

/**
 * About how long a training takes on this machine, in seconds: 3 × forward FLOPs × tokens / (rate × efficiency) + compilation.
 * The rate is measured, in a fraction of a second, on a product of the shape that the model's own have; expect ±50%.
 *
 * @example
 * await estimateSeconds(architecture, { steps: 300, batchSize: 8 }); // 140
 */
export async function estimateSeconds(
  architecture: Decoder,
  { steps, batchSize }: Pick<TrainOptions, 'steps' | 'batchSize'>,
  measureRate: (rows: number, width: number) => Promise<number> = matrixRate,
): Promise<number> {
  const { context, width, layers } = architecture.config;
  const rate = await measureRate(batchSize * context, width);
  const flops = 3 * architecture.flopsPerToken * batchSize * context * steps;
  return flops / (rate * efficiency) + compileSeconds.fixed + compileSeconds.perLayer * layers;
}

/** FLOPs a second of [rows, width] × [width, 4 width] in float32: the median of runs over 0.3 s, so that no odd one decides. */
export async function matrixRate(rows: number, width: number): Promise<number> {
  const x = tf.ones<tf.Rank.R2>([Math.min(rows, 2048), width]);
  const weight = tf.ones<tf.Rank.R2>([width, 4 * width]);
  const flops = 2 * x.size * 4 * width;
  const seconds: number[] = [];
  const end = performance.now() + 300;
  while (seconds.length < 3 || performance.now() < end) {
    const started = performance.now();
    const product = tf.matMul(x, weight);
    const element = tf.slice(product, [0, 0], [1, 1]);
    await element.data(); // waits for the product, without copying it
    seconds.push((performance.now() - started) / 1000);
    tf.dispose([product, element]);
  }
  tf.dispose([x, weight]);
  seconds.sort((a, b) => a - b);
  return flops / (seconds[Math.floor(seconds.length / 2)] ?? NaN);
}
