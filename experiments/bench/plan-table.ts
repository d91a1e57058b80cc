import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate, ratios, summarise } from './blocks.js';
import { startModule, withChildren, type Child } from './child.js';
import { adamwNumbers, type GptRecipe } from './gpt-recipe.js';
import type { Setting, SettingStarted } from './setting-worker.js';

const full: GptRecipe = {
  layers: 12,
  width: 256,
  heads: 4,
  context: 256,
  vocabularySize: 8192,
  batchSize: 16,
  numBatches: 1,
  checkSteps: 3,
  rounds: 3,
  secondsPerBlock: 6,
};
const quick: GptRecipe = {
  ...full,
  layers: 1,
  width: 32,
  context: 16,
  vocabularySize: 65,
  batchSize: 4,
  rounds: 2,
  secondsPerBlock: 0.2,
};

const recipeOf = (isQuick: boolean): GptRecipe => (isQuick ? quick : full);

/** One more with each row, in the manner of torchtune's table. */
function settings({ batchSize }: GptRecipe, isQuick: boolean): Readonly<Record<string, Setting>> {
  const chunked: Setting = { lossChunks: 8 };
  if (isQuick)
    return { plain: {}, all: { ...chunked, recompute: true, microBatch: batchSize / 4, optimizerState: 'int8' } };
  return {
    plain: {},
    'lossChunks 8': chunked,
    'and recompute': { ...chunked, recompute: true },
    'and microBatch ¼': { ...chunked, recompute: true, microBatch: batchSize / 4 },
    'and optimizerState bfloat16': {
      ...chunked,
      recompute: true,
      microBatch: batchSize / 4,
      optimizerState: 'bfloat16',
    },
    'and optimizerState int8': {
      ...chunked,
      recompute: true,
      microBatch: batchSize / 4,
      optimizerState: 'int8',
    },
    'recompute alone': { recompute: true },
    'microBatch ¼ alone': { microBatch: batchSize / 4 },
  };
}

/** What each field of a plan saves and costs: a fresh process each, one after another, blocks in turn. */
export const planTable: Benchmark = {
  name: 'plan-table',
  title: 'memory and time of a training step, one optimisation at a time',
  workload: (isQuick) => ({
    ...recipeOf(isQuick),
    settings: settings(recipeOf(isQuick), isQuick),
    adamw: adamwNumbers,
    dtype: 'float32',
    target: 'default',
  }),
  run: async ({ quick: isQuick, say }) => {
    const recipe = recipeOf(isQuick);
    const entries = Object.entries(settings(recipe, isQuick));
    const worker = (): Child => startModule(new URL('setting-worker.ts', import.meta.url).href);
    say('plain, a quarter of the batch');
    const quarterBatch = { ...recipe, batchSize: recipe.batchSize / 4 };
    const small = worker();
    const quarter = await withChildren([small], () =>
      small.ask<SettingStarted>('start', { recipe: quarterBatch, setting: {} }),
    );
    const children = entries.map(worker);
    return withChildren(children, async () => {
      const started: SettingStarted[] = [];
      for (const [index, [name, setting]] of entries.entries()) {
        say(`${name}: first steps`);
        started.push((await children[index]?.ask<SettingStarted>('start', { recipe, setting })) as SettingStarted);
      }
      say(`${recipe.rounds} rounds of blocks of ${recipe.secondsPerBlock} s`);
      const seconds = await alternate(
        children.map((child) => () => child.ask<number>('block', { seconds: recipe.secondsPerBlock })),
        recipe.rounds,
      );
      const [plain] = started;
      const measurements = entries.flatMap(([name], index): Measurement[] => {
        const { peakOfSteps = null, losses = [] } = started[index] ?? {};
        const difference = Math.max(...losses.map((loss, step) => Math.abs(loss - (plain?.losses[step] ?? NaN))));
        return [
          ...(peakOfSteps === null
            ? []
            : memory(name, peakOfSteps, plain?.peakOfSteps ?? NaN, quarter.peakOfSteps ?? NaN)),
          summarise(`${name}: time, of plain`, ratios(seconds[index] ?? [], seconds[0] ?? [])),
          { figure: `${name}: first losses differ by at most`, value: difference, unit: 'nats' },
        ];
      });
      return { measurements };
    });
  },
};

/**
 * Activations are what grows with the batch: of `plain` 4/3 of what it takes more than a quarter of its batch does. The rest is weights,
 * gradients, optimizer state, and the process with its compiled code.
 *
 * Goals: accumulation over 4 pieces keeps at most 30% of the activations, recomputation saves at least 30% of the peak.
 */
function memory(name: string, peak: number, plain: number, quarter: number): Measurement[] {
  const activations = ((plain - quarter) * 4) / 3;
  return [
    { figure: `${name}: memory of a step above import`, value: peak, unit: 'MB' },
    {
      figure: `${name}: memory, of plain`,
      value: peak / plain,
      ...(name === 'recompute alone' && { goal: { atMost: 0.7 } }),
    },
    {
      figure: `${name}: activations, of plain`,
      value: 1 - (plain - peak) / activations,
      ...(name === 'microBatch ¼ alone' && { goal: { atMost: 0.3 } }),
    },
  ];
}
