import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate, ratios, summarise } from './blocks.js';
import { startModule, withChildren } from './child.js';
import { adamwNumbers, type GptRecipe } from './gpt-recipe.js';
import type { SettingStarted } from './setting-worker.js';

const full: GptRecipe = {
  layers: 12,
  width: 256,
  heads: 4,
  context: 256,
  vocabularySize: 65,
  batchSize: 16,
  numBatches: 1,
  checkSteps: 3,
  rounds: 5,
  secondsPerBlock: 6,
};
const quick: GptRecipe = {
  ...full,
  layers: 1,
  width: 32,
  context: 16,
  batchSize: 2,
  rounds: 3,
  secondsPerBlock: 0.2,
};

const recipeOf = (isQuick: boolean): GptRecipe => (isQuick ? quick : full);

/** What recomputation saves and costs: a step with `remat` around each block beside the plain one, a fresh process each. */
export const rematMemory: Benchmark = {
  name: 'remat',
  title: 'a training step with remat around each block, beside the plain step',
  workload: (isQuick) => ({ ...recipeOf(isQuick), adamw: adamwNumbers, dtype: 'float32', target: 'default' }),
  run: async ({ quick: isQuick, say }) => {
    const recipe = recipeOf(isQuick);
    const worker = new URL('setting-worker.ts', import.meta.url).href;
    const children = [startModule(worker), startModule(worker)] as const;
    const [plain, recomputing] = children;
    return withChildren(children, async () => {
      say('first steps of the plain model');
      const before = await plain.ask<SettingStarted>('start', { recipe, setting: {} });
      say('first steps with remat');
      const after = await recomputing.ask<SettingStarted>('start', { recipe, setting: { recompute: true } });
      say(`${recipe.rounds} rounds of blocks of ${recipe.secondsPerBlock} s`);
      const ask = (child: typeof plain) => (): Promise<number> =>
        child.ask<number>('block', { seconds: recipe.secondsPerBlock });
      const [plainSeconds = [], rematSeconds = []] = await alternate([ask(plain), ask(recomputing)], recipe.rounds);
      const measurements: Measurement[] = [
        ...memory(before.peakOfSteps, after.peakOfSteps),
        summarise('plain step', plainSeconds, { unit: 's' }),
        summarise('step with remat', rematSeconds, { unit: 's' }),
        summarise('time, remat : plain', ratios(rematSeconds, plainSeconds), { goal: { atMost: 1.35 } }),
        {
          figure: 'first losses differ by at most',
          value: Math.max(...before.losses.map((loss, index) => Math.abs(loss - (after.losses[index] ?? NaN)))),
          unit: 'nats',
        },
      ];
      return { measurements };
    });
  },
};

function memory(plain: number | null, remat: number | null): Measurement[] {
  if (plain === null || remat === null) return [{ figure: 'memory', value: 'not measured: this system tells no peak' }];
  return [
    { figure: 'plain: memory of steps above import', value: plain, unit: 'MB' },
    { figure: 'remat: memory of steps above import', value: remat, unit: 'MB' },
    { figure: 'memory, remat : plain', value: remat / plain, goal: { atMost: 0.6 } },
  ];
}
