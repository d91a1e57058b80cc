import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { startModule, withChildren } from './child.js';
import type { MeasuredMethod } from './grpo-against-ppo-worker.js';

/** A type, not an interface, so that it counts as JSON. */
export type MethodRecipe = {
  readonly depth: number;
  readonly context: number;
  readonly vocabularySize: number;
  /** Problems a step, and answers to each. */
  readonly batchSize: number;
  readonly groupSize: number;
  readonly maxTokens: number;
  /** Of which the first one compiles, and is not measured. */
  readonly steps: number;
  readonly rounds: number;
};

const full: MethodRecipe = {
  depth: 4,
  context: 128,
  vocabularySize: 4096,
  batchSize: 8,
  groupSize: 8,
  maxTokens: 48,
  steps: 5,
  rounds: 3,
};
const quick: MethodRecipe = {
  ...full,
  depth: 1,
  vocabularySize: 300,
  batchSize: 2,
  groupSize: 2,
  maxTokens: 4,
  steps: 3,
  rounds: 1,
};

/**
 * Both write the same answers, as the rate is so low that no weight changes, and learn from them once. PPO has a critic with a trunk of its
 * own. GRPO once with a KL to the first model, as PPO has it and its paper, and once without, which is its default here.
 */
const methods = ['ppo', 'grpo', 'grpo without KL'] as const;
export type MethodName = (typeof methods)[number];

/** What GRPO saves by having no critic: the step after the rollouts, the whole step, and the peak of memory, a fresh process each. */
export const grpoAgainstPpo: Benchmark = {
  name: 'grpo-against-ppo',
  title: 'a step of GRPO beside one of PPO, from the same rollouts',
  workload: (isQuick) => ({
    ...(isQuick ? quick : full),
    updates: 1,
    critic: 'own',
    dtype: 'float32',
    target: 'default',
  }),
  run: async ({ quick: isQuick, say }) => {
    const recipe = isQuick ? quick : full;
    const found = new Map<MethodName, MeasuredMethod[]>(methods.map((method) => [method, []]));
    for (let round = 1; round <= recipe.rounds; round++) {
      for (const method of methods) {
        say(`round ${round} of ${recipe.rounds}: ${method}`);
        const child = startModule(new URL('grpo-against-ppo-worker.ts', import.meta.url).href);
        const measured = await withChildren([child], () => child.ask<MeasuredMethod>('measure', { recipe, method }));
        found.get(method)?.push(measured);
      }
    }
    const of = (method: MethodName, what: (measured: MeasuredMethod) => number): number[] =>
      (found.get(method) ?? []).map(what);
    const learning = ({ step, rollouts }: MeasuredMethod): number => step - rollouts;
    const compared = (what: (measured: MeasuredMethod) => number, figure: string, unit: string): Measurement[] => [
      ...methods.map((method) => summarise(`${method}: ${figure}`, of(method, what), { unit })),
      ...methods
        .slice(1)
        .map((method) => summarise(`${figure}, ${method} : ppo`, ratios(of(method, what), of('ppo', what)))),
    ];
    const peaks = [...found.values()].flat().map(({ peak }) => peak);
    const rewards = [...found.values()].flat().map(({ rewards }) => JSON.stringify(rewards));
    return {
      measurements: [
        ...compared(learning, 'step without rollouts', 's'),
        ...compared(({ step }) => step, 'whole step', 's'),
        ...(peaks.includes(null) ? [] : compared(({ peak }) => peak ?? NaN, 'peak of memory above import', 'MB')),
        { figure: 'rollouts are the same', value: new Set(rewards).size === 1 ? 'yes' : 'no' },
      ],
    };
  },
};
