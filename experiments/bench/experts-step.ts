import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { decoder, key, saveModel, type Decoder } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { adamwNumbers } from './gpt-recipe.js';
import { noPeer, ourSteps, stepsInTurn, theirSteps, timing, writeBatches } from './transformers-step.js';

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
    ...timing(quick),
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
    for (const [name, architecture] of models) {
      const at = join(folder, name);
      await saveModel({ architecture, weights: architecture.init(key(1)) }, at);
      await writeBatches({ ...recipe, counted: 1 }, at);
    }
    const contestants = models.map(([name]) => ourSteps(name, join(folder, name), 'decoder'));
    if (peer !== undefined) contestants.push(theirSteps(peer, 'eager', join(folder, 'dropless'), 'decoder'));
    const results = await stepsInTurn(contestants, recipe, say);
    const [dense = [], dropless = [], capacity = [], others] = results.map(({ speeds }) => speeds);
    const measurements: Measurement[] = [
      ...results.map(({ name, speeds }) => summarise(name, speeds, { unit: 'tokens/s' })),
      summarise('step time, dropless : dense', ratios(dense, dropless), { goal: { atMost: 1.5 } }),
      summarise('step time, capacity 1.25 : dense', ratios(dense, capacity), { goal: { atMost: 1.5 } }),
    ];
    const notes: string[] = [];
    if (others === undefined) notes.push(noPeer);
    else {
      const [, ofDropless, , ofOthers] = results.map(({ started }) => started.losses);
      const differences = ofOthers?.map((loss, step) => Math.abs(loss - (ofDropless?.[step] ?? NaN)));
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
};
