import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decoder, key, saveModel, type Decoder } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate, ratios, summarise } from './blocks.js';
import { defaultTargets } from './built.js';
import { start, startModule, withChildren } from './child.js';
import { adamwNumbers } from './gpt-recipe.js';
import { writeBatches } from './transformers-step.js';
import type { StepStart, StepStarted } from './transformers-worker.js';

/** A Mixtral of 8 experts, 2 of which are active, and what it is compared with. */
function recipeOf(quick: boolean) {
  const sizes = quick
    ? { layers: 1, width: 32, heads: 2, context: 32, vocabularySize: 65 }
    : { layers: 6, width: 384, heads: 6, context: 256, vocabularySize: 4096 };
  return {
    ...sizes,
    number: 8,
    active: 2,
    expertHidden: quick ? 32 : 512,
    batchSize: quick ? 2 : 8,
    rounds: quick ? 2 : 5,
    secondsPerBlock: quick ? 0.2 : 8,
    checkSteps: 3,
  };
}

/** The models by name: dense with the MLP of all active experts, and the same parameters active in experts. */
function modelsOf(quick: boolean): Readonly<Record<'dense' | 'dropless' | 'capacity 1.25', Decoder>> {
  const { layers, width, heads, context, vocabularySize, number, active, expertHidden } = recipeOf(quick);
  const common = { layers, width, heads, context, vocabularySize, tiedEmbeddings: false } as const;
  const experts = { number, active, hidden: expertHidden };
  return {
    dense: decoder({ ...common, hidden: active * expertHidden }),
    dropless: decoder({ ...common, hidden: expertHidden, experts }),
    'capacity 1.25': decoder({ ...common, hidden: expertHidden, experts: { ...experts, capacity: 1.25 } }),
  };
}

/**
 * Training steps of a mixture of experts against the dense model with as many active parameters, and against transformers' Mixtral with the
 * same weights and batches.
 */
export const expertsStep: Benchmark = {
  name: 'experts-step',
  title: 'a training step with 8 experts, 2 active, beside the dense model of equal active parameters and transformers',
  workload: (quick) => ({
    ...recipeOf(quick),
    adamw: adamwNumbers,
    dtype: 'float32',
    balance: 'none in the loss, as in the peer',
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
  }),
  run: async ({ quick, peer, folder, say }) => {
    const recipe = recipeOf(quick);
    const models = Object.entries(modelsOf(quick));
    const worker = new URL('transformers-worker.ts', import.meta.url).href;
    const script = fileURLToPath(new URL('transformers_peer.py', import.meta.url));
    for (const [name, architecture] of models) {
      const at = join(folder, name);
      await saveModel({ architecture, weights: architecture.init(key(1)) }, at);
      await writeBatches({ ...recipe, counted: 1 }, at);
    }
    const ours = models.map(([name]) => ({
      name,
      at: name,
      target: defaultTargets.float32,
      child: startModule(worker),
    }));
    const theirs =
      peer === undefined
        ? []
        : [{ name: 'transformers, eager', at: 'dropless', target: 'eager', child: start(peer.python, [script]) }];
    const contestants = [...ours, ...theirs];
    return withChildren(
      contestants.map(({ child }) => child),
      async () => {
        const started: StepStarted[] = [];
        for (const { name, at, target, child } of contestants) {
          say(`${name}: first steps`);
          const input: StepStart = {
            folder: join(folder, at),
            kind: 'decoder',
            target,
            threads: availableParallelism(),
            adamw: adamwNumbers,
            checkSteps: recipe.checkSteps,
          };
          started.push(await child.ask<StepStarted>('start', input));
        }
        say(`${recipe.rounds} rounds of blocks of ${recipe.secondsPerBlock} s`);
        const rates = await alternate(
          contestants.map(
            ({ child }) =>
              () =>
                child.ask<number>('block', { seconds: recipe.secondsPerBlock }),
          ),
          recipe.rounds,
        );
        const [dense = [], dropless = [], capacity = [], others] = rates;
        const measurements: Measurement[] = [
          ...contestants.map(({ name }, index) => summarise(name, rates[index] ?? [], { unit: 'tokens/s' })),
          summarise('step time, dropless : dense', ratios(dense, dropless), { goal: { atMost: 1.5 } }),
          summarise('step time, capacity 1.25 : dense', ratios(dense, capacity), { goal: { atMost: 1.5 } }),
        ];
        const notes: string[] = [];
        if (others === undefined) notes.push('no PyTorch: --peer-python names a Python that has it and transformers');
        else {
          const differences = started[3]?.losses.map((loss, step) =>
            Math.abs(loss - (started[1]?.losses[step] ?? NaN)),
          );
          const difference = Math.max(...(differences ?? [NaN]));
          measurements.push({ figure: 'first losses differ by at most', value: difference, unit: 'nats' });
          if (difference <= 1e-3)
            measurements.push(
              summarise('ours, dropless : transformers', ratios(dropless, others), { goal: { atLeast: 1 } }),
            );
          else notes.push('no ratio to transformers: the first losses differ');
        }
        return { measurements, notes };
      },
    );
  },
};
