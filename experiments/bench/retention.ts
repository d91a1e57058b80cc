import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate, ratios, summarise } from './blocks.js';
import { startModule, withChildren } from './child.js';
import type { RetentionRecipe, RetentionStarted, WrittenAfter } from './retention-worker.js';

const recipeOf = (quick: boolean): RetentionRecipe => ({
  layers: quick ? 1 : 6,
  width: quick ? 16 : 384,
  heads: quick ? 2 : 6,
  vocabularySize: quick ? 64 : 4096,
  tokens: quick ? 64 : 10_000,
  chunk: quick ? 16 : 128,
  lengths: quick ? [8, 32] : [100, 1000, 10_000],
  written: quick ? 4 : 100,
});
const readers = ['retention', 'attention', 'attention in blocks'] as const;

/** A retentive network and a decoder of its size read a long text; and what one more token costs after few and after many. */
export const retention: Benchmark = {
  name: 'retention',
  title: 'a long text read and written by a retentive network, beside a decoder of its size',
  workload: (quick) => ({ ...recipeOf(quick), batch: 1, dtype: 'float32', target: 'default' }),
  run: async ({ quick, say }) => {
    const recipe = recipeOf(quick);
    const worker = new URL('retention-worker.ts', import.meta.url).href;
    const children = readers.map(() => startModule(worker));
    return withChildren(children, async () => {
      const measurements: Measurement[] = [];
      for (const [index, form] of readers.entries()) {
        say(`${form} reads for the first time`);
        const started = await (children[index] as (typeof children)[0]).ask<RetentionStarted>('start', {
          recipe,
          form,
        });
        measurements.push({ figure: `${form}: parameters`, value: started.numParameters });
        if (started.peak !== null)
          measurements.push({
            figure: `${form}: memory to read ${recipe.tokens} tokens`,
            value: started.peak,
            unit: 'MB',
          });
      }
      say('reading in turn');
      const [retained = [], plain = [], blocks = []] = await alternate(
        children.map((child) => () => child.ask<number>('block', {})),
        quick ? 2 : 5,
      );
      for (const [name, seconds] of [
        ['retention', retained],
        ['attention', plain],
        ['attention in blocks', blocks],
      ] as const)
        measurements.push(summarise(`${name}: ${recipe.tokens} tokens read`, seconds, { unit: 's' }));
      measurements.push(
        summarise('speed, retention : attention', ratios(plain, retained), { goal: { atLeast: 3 } }),
        summarise('speed, retention : attention in blocks', ratios(blocks, retained)),
      );
      say('writing');
      const written = await (children[0] as (typeof children)[0]).ask<readonly WrittenAfter[]>('write', recipe);
      for (const { length, milliseconds, megabytes, stateBytes } of written) {
        measurements.push({ figure: `a token after ${length}`, value: milliseconds, unit: 'ms' });
        measurements.push({ figure: `remembered after ${length}`, value: stateBytes / 1e6, unit: 'MB' });
        if (megabytes !== null)
          measurements.push({ figure: `more memory while writing after ${length}`, value: megabytes, unit: 'MB' });
      }
      const [first, last] = [written[0], written.at(-1)];
      if (first && last) {
        measurements.push({
          figure: `time of a token, after ${last.length} : after ${first.length}`,
          value: last.milliseconds / first.milliseconds,
          goal: { atMost: 1.1 },
        });
      }
      return { measurements };
    });
  },
};
