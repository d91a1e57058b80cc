import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { key, saveModel } from 'trainbook';
import type { BenchContext, Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate, median, ratios, summarise } from './blocks.js';
import { start, startModule, withChildren } from './child.js';
import { architectureOf } from './gpt-recipe.js';
import { drawStream, loopRecipes } from './loop-recipe.js';
import type { LoopRecipe } from './loop-recipe.js';
import type { LoopStarted } from './loop-worker.js';

/** The whole training loop beside its bare step, nanoGPT's loop and Hugging Face's Trainer: same model, weights, stream of tokens. */
export const trainLoop: Benchmark = {
  name: 'train-loop',
  title: 'a whole training loop, beside its bare step, nanoGPT’s loop and Hugging Face’s Trainer',
  workload: (quick) => ({
    models: [...loopRecipes(quick)],
    parts: 'LayerNorm without bias, learned positions, GELU tanh, tied embedding',
    optimizer: 'AdamW, warm-up and cosine decay, clipping at norm 1',
    data: 'windows of a stream, drawn at random',
    dtype: 'float32',
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
  }),
  run: async (context) => {
    const measurements: Measurement[] = [];
    for (const recipe of loopRecipes(context.quick)) measurements.push(...(await compare(recipe, context)));
    return {
      measurements,
      ...(context.peer === undefined && { notes: ['no PyTorch: --peer-python names a Python that has it'] }),
    };
  },
};

const ourForms = ['step', 'loop'];
const peerForms = { eager: 'nanoGPT’s loop, eager', compile: 'nanoGPT’s loop, compile', trainer: 'Trainer' };

async function compare(recipe: LoopRecipe, { peer, folder, say }: BenchContext): Promise<Measurement[]> {
  const { name, rounds, blockSteps, batchSize, context } = recipe;
  const architecture = architectureOf(recipe);
  await saveModel({ architecture, weights: architecture.init(key(1)) }, folder);
  await writeFile(join(folder, 'stream.bin'), drawStream(recipe));
  const script = fileURLToPath(new URL('loop_peer.py', import.meta.url));
  const contestants = [
    ...ourForms.map((form) => ({
      name: `ours, ${form}`,
      form,
      child: startModule(new URL('loop-worker.ts', import.meta.url).href),
    })),
    ...Object.entries(peer === undefined ? {} : peerForms).map(([form, title]) => ({
      name: title,
      form,
      child: start(peer?.python ?? 'python3', [script]),
    })),
  ];
  return withChildren(
    contestants.map(({ child }) => child),
    async () => {
      const measurements: Measurement[] = [];
      const peaks: (number | null)[] = [];
      for (const { name: title, form, child } of contestants) {
        say(`${name}: ${title}: first blocks`);
        const started = await child.ask<LoopStarted>('start', {
          folder,
          recipe,
          form,
          threads: availableParallelism(),
        });
        peaks.push(started.peakOfSteps);
        measurements.push({
          figure: `${name}: ${title}: loss after the first blocks`,
          value: started.loss,
          unit: 'nats',
        });
      }
      say(`${name}: ${rounds} rounds of blocks of ${blockSteps} steps`);
      const seconds = await alternate(
        contestants.map(
          ({ child }) =>
            () =>
              child.ask<number>('block', {}),
        ),
        rounds,
      );
      const rates = seconds.map((blocks) => blocks.map((each) => (blockSteps * batchSize * context) / each));
      const [bare = [], loop = [], ...peers] = rates;
      contestants.forEach(({ name: title }, index) => {
        measurements.push(summarise(`${name}: ${title}`, rates[index] ?? [], { unit: 'tokens/s' }));
        const peak = peaks[index];
        if (peak != null)
          measurements.push({ figure: `${name}: ${title}: memory above import`, value: peak, unit: 'MB' });
      });
      measurements.push(summarise(`${name}: loop : bare step`, ratios(loop, bare), { goal: { atLeast: 0.97 } }));
      peers.forEach((peerRates, index) => {
        const title = contestants[index + 2]?.name ?? '';
        measurements.push(
          summarise(`${name}: our loop : ${title}`, ratios(loop, peerRates), { goal: { atLeast: 1.05 } }),
        );
      });
      const leanest = Math.min(...peaks.slice(2).map((peak) => peak ?? Infinity));
      if (peers.length > 0 && Number.isFinite(leanest) && median(bare) > 0) {
        measurements.push({
          figure: `${name}: memory, our loop : the leanest of these`,
          value: (peaks[1] ?? NaN) / leanest,
          goal: { atMost: 1.1 },
        });
      }
      return measurements;
    },
  );
}
