import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Precision } from 'trainbook';
import type { BenchContext, Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate } from './blocks.js';
import { requireHardware } from './built.js';
import { type Child, start, startModule, withChildren } from './child.js';
import { adamwNumbers, type GptRecipe, writeStart } from './gpt-recipe.js';
import { precisions, report } from './gpt-report.js';
import type { GptStart, GptStarted } from './gpt-worker.js';

const full: GptRecipe = {
  layers: 6,
  width: 384,
  heads: 6,
  context: 256,
  vocabularySize: 65,
  batchSize: 8,
  numBatches: 8,
  checkSteps: 5,
  rounds: 5,
  secondsPerBlock: 6,
};
const quick: GptRecipe = {
  ...full,
  layers: 1,
  width: 32,
  heads: 2,
  context: 16,
  batchSize: 2,
  rounds: 3,
  secondsPerBlock: 0.2,
};

const recipeOf = (isQuick: boolean): GptRecipe => (isQuick ? quick : full);

/** A whole training step against PyTorch's: same first weights, same batches, blocks in turn within one run. */
export const gptStep: Benchmark = {
  name: 'gpt-step',
  title: 'a training step of a GPT (forward, backward, AdamW), beside PyTorch',
  workload: (isQuick) => ({
    ...recipeOf(isQuick),
    parts: 'LayerNorm without bias, learned positions, GELU tanh, tied embedding',
    adamw: adamwNumbers,
    dtypes: Object.keys(precisions),
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
  }),
  run: async (context) => {
    const recipe = recipeOf(context.quick);
    await writeStart(recipe, context.folder);
    const measurements: Measurement[] = [];
    const notes: string[] = [];
    for (const precision of ['float32', 'bfloat16'] as const) {
      try {
        if (precision !== 'float32') requireHardware(precision);
      } catch {
        measurements.push({ figure: precision, value: `not measured: this CPU has no ${precision}` });
        continue;
      }
      const found = await compare(recipe, precision, context);
      measurements.push(...found.measurements);
      notes.push(...found.notes);
    }
    if (context.peer === undefined) notes.push('no PyTorch: --peer-python names a Python that has it');
    return { measurements, notes };
  },
};

interface Contestant {
  readonly name: string;
  readonly target: string;
  readonly ours: boolean;
  readonly child: Child;
}

async function compare(
  recipe: GptRecipe,
  precision: 'float32' | 'bfloat16',
  { peer, folder, say }: BenchContext,
): Promise<{ measurements: Measurement[]; notes: string[] }> {
  const worker = new URL('gpt-worker.ts', import.meta.url).href;
  const script = fileURLToPath(new URL('gpt_peer.py', import.meta.url));
  const contestants: Contestant[] = [
    ...['xla', 'graph'].map((target) => ({ name: `ours, ${target}`, target, ours: true, child: startModule(worker) })),
    ...(peer === undefined ? [] : ['eager', 'compile']).map((target) => ({
      name: `PyTorch ${target}`,
      target,
      ours: false,
      child: start(peer?.python ?? 'python3', [script]),
    })),
  ];
  return withChildren(
    contestants.map(({ child }) => child),
    async () => {
      const starts: GptStarted[] = [];
      for (const { name, target, child } of contestants) {
        say(`${precision}: ${name}: first steps`);
        starts.push(await child.ask<GptStarted>('start', startOf(recipe, precision, target, folder)));
      }
      say(`${precision}: ${recipe.rounds} rounds of blocks of ${recipe.secondsPerBlock} s`);
      const blocks = await alternate(
        contestants.map(
          ({ child }) =>
            () =>
              child.ask<number>('block', { seconds: recipe.secondsPerBlock }),
        ),
        recipe.rounds,
      );
      const results = contestants.map((contestant, index) => ({
        ...contestant,
        started: starts[index] as GptStarted,
        tokensPerSecond: blocks[index] ?? [],
      }));
      return report(precision, results);
    },
  );
}

function startOf(recipe: GptRecipe, precision: Precision, target: string, folder: string): GptStart {
  return { folder, recipe, precision, target, threads: availableParallelism(), adamw: adamwNumbers };
}
