import { existsSync } from 'node:fs';
import type { Benchmark, Measurement, Outcome } from '../../src/commands/bench.js';
import { summarise } from './blocks.js';
import { findPlugin } from './built.js';
import { startModule, withChildren } from './child.js';
import type { GptRecipe } from './gpt-recipe.js';

/** What the JavaScript of a step costs, by blocks (µs): before the device is started, and in all. */
export type StepCost = { readonly before: readonly number[]; readonly all: readonly number[] };

/** How a training step got ready (s), and how fast it is. */
export type DeviceStep = {
  readonly device: string;
  readonly kind: string;
  /** Trace and StableHLO text; then compile; then, in place of that, load from the cache on disk. */
  readonly trace: number;
  readonly compile: number;
  readonly cached: number;
  readonly tokensPerSecond: readonly number[];
};

export type StepCostRecipe = { readonly cells: number; readonly blocks: number; readonly steps: number };

const costOf = (isQuick: boolean): StepCostRecipe =>
  isQuick ? { cells: 20, blocks: 3, steps: 10 } : { cells: 500, blocks: 25, steps: 200 };

/** GPT-2 124M in the full form where there is a GPU to run it; on a processor a sixth of it. */
function recipeOf(isQuick: boolean, isGpu: boolean): GptRecipe {
  const timing = { numBatches: 2, checkSteps: 2, rounds: 3, secondsPerBlock: isQuick ? 0.1 : 10 };
  if (isQuick) return { layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 32, batchSize: 2, ...timing };
  return isGpu
    ? { layers: 12, width: 768, heads: 12, context: 1024, vocabularySize: 50_257, batchSize: 12, ...timing }
    : { layers: 12, width: 384, heads: 6, context: 256, vocabularySize: 4096, batchSize: 2, ...timing };
}

/** The device that is measured: TRAINBOOK_DEVICE (`bench --device`), else the CPU plugin. */
export function measuredDevice(): string {
  const named = process.env['TRAINBOOK_DEVICE'] ?? '';
  return named === '' || named === 'tensorflow' ? 'cpu:0' : named;
}

/** A step on a device of a PJRT plugin: what JavaScript adds to it, how long it is compiled, how fast a GPT trains. */
export const deviceStep: Benchmark = {
  name: 'device-step',
  title: 'A compiled step on a device of a PJRT plugin (--device; else the CPU plugin)',
  workload: (isQuick) => ({
    device: measuredDevice(),
    overhead: costOf(isQuick),
    training: recipeOf(isQuick, !measuredDevice().startsWith('cpu')),
    precision: 'float32',
  }),
  run: ({ quick, folder }): Promise<Outcome> => {
    const device = measuredDevice();
    const [platform = 'cpu'] = device.split(':');
    const plugin = findPlugin(platform === 'auto' ? 'cuda' : platform);
    if (plugin === undefined || !existsSync(plugin.path)) {
      return Promise.resolve({
        skipped: `no PJRT plugin for ${platform}: npx trainbook setup --cpu-plugin (or --cuda13)`,
      });
    }
    const worker = startModule(new URL('device-step-worker.ts', import.meta.url).href);
    return withChildren([worker], async () => {
      const cost = await worker.ask<StepCost>('cost', { device, cache: folder, ...costOf(quick) });
      const recipe = recipeOf(quick, platform !== 'cpu');
      const step = await worker.ask<DeviceStep>('train', { device, recipe });
      const { cells } = costOf(quick);
      const measurements: Measurement[] = [
        summarise(`${cells} buffers of state: before the device starts`, cost.before, {
          unit: 'µs',
          goal: { atMost: 100 },
        }),
        summarise(`${cells} buffers of state: JavaScript in all`, cost.all, { unit: 'µs', goal: { atMost: 100 } }),
        { figure: 'trace and text of the step', value: step.trace, unit: 's' },
        { figure: 'compile', value: step.compile, unit: 's', goal: { atMost: 10 } },
        { figure: 'start from the cache on disk', value: step.cached, unit: 's', goal: { atMost: 1 } },
        summarise('training', step.tokensPerSecond, { unit: 'tokens/s' }),
      ];
      return { measurements, notes: [`${step.device} (${step.kind}); plugin: ${plugin.source}`] };
    });
  },
};
