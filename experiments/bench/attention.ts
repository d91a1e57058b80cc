import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import type { AttentionStarted } from './attention-worker.js';
import { alternate, ratios, summarise } from './blocks.js';
import { startModule, withChildren } from './child.js';

const forms = ['at once', 'blocks'] as const;
const recipeOf = (quick: boolean) => ({
  heads: quick ? 2 : 12,
  headSize: quick ? 8 : 64,
  lengths: quick ? [16, 32] : [512, 1024, 2048, 4096, 8192],
  rounds: quick ? 2 : 5,
  secondsPerBlock: quick ? 0.1 : 2,
});

/** Attention in blocks beside attention with all scores at once, by length: time and memory of a forward and a backward pass. */
export const attention: Benchmark = {
  name: 'attention',
  title: 'causal attention in blocks (online softmax) beside all scores at once, forward and backward',
  workload: (quick) => ({ ...recipeOf(quick), batch: 1, dtype: 'float32', target: 'default' }),
  run: async ({ quick, say }) => {
    const { lengths, heads, headSize, rounds, secondsPerBlock } = recipeOf(quick);
    const worker = new URL('attention-worker.ts', import.meta.url).href;
    const measurements: Measurement[] = [];
    const peaks: number[] = [];
    for (const time of lengths) {
      say(`${time} tokens`);
      const children = forms.map(() => startModule(worker));
      await withChildren(children, async () => {
        const started: AttentionStarted[] = [];
        for (const [index, form] of forms.entries())
          started.push(await (children[index] as (typeof children)[0]).ask('start', { form, heads, headSize, time }));
        const [whole = [], blocks = []] = await alternate(
          children.map((child) => () => child.ask<number>('block', { seconds: secondsPerBlock })),
          rounds,
        );
        const goal = time >= 1024 ? { goal: { atMost: 1 } } : {};
        measurements.push(
          summarise(`${time} tokens: at once`, whole, { unit: 'ms' }),
          summarise(`${time} tokens: blocks`, blocks, { unit: 'ms' }),
          summarise(`${time} tokens: time, blocks : at once`, ratios(blocks, whole), goal),
          { figure: `${time} tokens: gradients differ by at most`, value: farthest(started), unit: 'of their sums' },
        );
        for (const [index, form] of forms.entries()) {
          const peak = started[index]?.peak;
          if (peak == null) continue;
          measurements.push({ figure: `${time} tokens: memory, ${form}`, value: peak, unit: 'MB' });
          if (form === 'blocks') peaks.push(peak);
        }
      });
    }
    if (peaks.length === lengths.length) measurements.push(growth(lengths, peaks));
    return { measurements };
  },
};

/** By how much the sums of the gradients' sizes differ, relative to themselves. */
function farthest(started: readonly AttentionStarted[]): number {
  const [whole, blocks] = started.map(({ sums }) => sums);
  return Math.max(...(whole ?? []).map((sum, index) => Math.abs(sum - (blocks?.[index] ?? NaN)) / sum));
}

/** Linear growth: twice the length takes at most twice the memory, from the longest but one to the longest. */
function growth(lengths: readonly number[], peaks: readonly number[]): Measurement {
  const [before = NaN, last = NaN] = peaks.slice(-2);
  const [shorter = NaN, longer = NaN] = lengths.slice(-2);
  return {
    figure: `blocks: memory at ${longer} : ${shorter} tokens`,
    value: last / before,
    goal: { atMost: (1.05 * longer) / shorter },
  };
}
