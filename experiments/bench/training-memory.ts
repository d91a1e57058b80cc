import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { startModule, withChildren } from './child.js';
import type { MeasuredMemory } from './training-memory-worker.js';

/** A model and how it is trained. A type, not an interface, so that it counts as JSON. */
export type MemorySetting = {
  readonly model: {
    readonly layers: number;
    readonly width: number;
    readonly heads: number;
    readonly context: number;
    readonly vocabularySize: number;
    readonly mlp?: 'gelu';
    readonly norm?: 'layer';
    readonly positions?: 'learned';
  };
  readonly plan: { readonly batchSize: number; readonly microBatch?: number; readonly recompute?: boolean };
};

const small = { layers: 4, width: 256, heads: 4, context: 256, vocabularySize: 4096 };
const gpt = { norm: 'layer', positions: 'learned', mlp: 'gelu' } as const;

const full: readonly MemorySetting[] = [
  { model: small, plan: { batchSize: 8 } },
  { model: small, plan: { batchSize: 8, microBatch: 2 } },
  { model: small, plan: { batchSize: 8, recompute: true } },
  { model: small, plan: { batchSize: 8, microBatch: 2, recompute: true } },
  { model: { ...gpt, layers: 6, width: 384, heads: 6, context: 256, vocabularySize: 65 }, plan: { batchSize: 8 } },
  { model: { ...small, layers: 2, context: 1024, vocabularySize: 1024 }, plan: { batchSize: 4 } },
  { model: { ...small, layers: 6, width: 512, heads: 8, context: 64, vocabularySize: 1024 }, plan: { batchSize: 4 } },
  { model: { ...small, layers: 2, width: 128, context: 128, vocabularySize: 16_384 }, plan: { batchSize: 8 } },
];
const quick: readonly MemorySetting[] = [
  { model: { layers: 1, width: 32, heads: 2, context: 16, vocabularySize: 65 }, plan: { batchSize: 2 } },
];

/** How near `trainingMemory` comes to the peak of a process, a fresh one for each setting. */
export const trainingMemoryBenchmark: Benchmark = {
  name: 'training-memory',
  title: 'memory of a training as estimated, beside the peak of its process above import',
  workload: (isQuick) => ({ settings: [...(isQuick ? quick : full)], optimizer: 'adamw', dtype: 'float32' }),
  run: async ({ quick: isQuick, say }) => {
    const measurements: Measurement[] = [];
    const errors: number[] = [];
    for (const setting of isQuick ? quick : full) {
      const { model, plan } = setting;
      const { layers, width, context, vocabularySize } = model;
      const choices = Object.entries(plan).map(([name, value]) => `${name} ${value}`);
      const figure = [`${layers} × ${width}, context ${context}, vocabulary ${vocabularySize}`, ...choices].join(', ');
      say(figure);
      const child = startModule(new URL('training-memory-worker.ts', import.meta.url).href);
      const found = await withChildren([child], () => child.ask<MeasuredMemory>('measure', setting));
      const { estimated, peak } = found;
      if (peak === null) return { skipped: 'this system tells no peak' };
      errors.push(Math.abs(estimated / peak - 1));
      measurements.push({ figure: `${figure}: measured`, value: peak, unit: 'MB' });
      measurements.push({ figure: `${figure}: estimated : measured`, value: estimated / peak });
    }
    const goal = { atMost: 0.2 };
    return { measurements: [...measurements, { figure: 'largest error', value: Math.max(...errors), goal }] };
  },
};
