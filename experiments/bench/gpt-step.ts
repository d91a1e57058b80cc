import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Precision } from 'trainbook';
import type { BenchContext, Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate, median, ratios, summarise } from './blocks.js';
import { requireHardware } from './built.js';
import { type Child, start, startModule, withChildren } from './child.js';
import { adamwNumbers, type GptRecipe, writeStart } from './gpt-recipe.js';
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
  layers: 2,
  width: 32,
  heads: 2,
  context: 16,
  batchSize: 2,
  rounds: 3,
  secondsPerBlock: 0.2,
};

/** How far first losses may differ, and what is to be reached. bfloat16 rounds to 8 bits: each product differs by up to 0.4%. */
const precisions = {
  float32: { tolerance: 1e-3, ratio: 1.05, usual: 'xla' },
  bfloat16: { tolerance: 1e-2, ratio: 0.9, usual: 'graph' },
} as const;

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
        requireHardware(precision);
      } catch {
        measurements.push({ figure: `${precision}`, value: `not measured: this CPU has no ${precision}` });
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

interface Result extends Contestant {
  readonly started: GptStarted;
  readonly tokensPerSecond: readonly number[];
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

function report(
  precision: 'float32' | 'bfloat16',
  results: readonly Result[],
): { measurements: Measurement[]; notes: string[] } {
  const { tolerance, ratio, usual } = precisions[precision];
  const measurements = results.map(({ name, tokensPerSecond }) =>
    summarise(`${precision}: ${name}`, tokensPerSecond, { unit: 'tokens/s' }),
  );
  const notes: string[] = [];
  const ours = results.find(({ target }) => target === usual) as Result;
  const peers = results.filter((result) => !result.ours);
  const difference = Math.max(...results.map(({ started }) => farthest(started.losses, ours.started.losses)));
  measurements.push({ figure: `${precision}: first losses differ by at most`, value: difference, unit: 'nats' });
  if (!(difference <= tolerance)) {
    notes.push(
      `${precision}: no ratio: the first losses differ by ${difference.toPrecision(2)}, more than ${tolerance}; ` +
        results.map(({ name, started }) => `${name}: ${started.losses.join(' ')}`).join('; '),
    );
  } else if (peers.length > 0) {
    const best = peers.reduce((a, b) => (median(b.tokensPerSecond) > median(a.tokensPerSecond) ? b : a));
    const goal = { atLeast: ratio };
    measurements.push(
      summarise(`${precision}: ${ours.name} : ${best.name}`, ratios(ours.tokensPerSecond, best.tokensPerSecond), {
        goal,
      }),
    );
  }
  for (const { name, started } of results) {
    const { peakOfSteps, peakWithCompilation, secondsToFirstLoss } = started;
    if (peakOfSteps === null || peakWithCompilation === null) continue;
    measurements.push(
      { figure: `${precision}: ${name}: memory of steps above import`, value: peakOfSteps, unit: 'MB' },
      { figure: `${precision}: ${name}: the same with compilation`, value: peakWithCompilation, unit: 'MB' },
      { figure: `${precision}: ${name}: first loss after`, value: secondsToFirstLoss, unit: 's' },
    );
  }
  const leanest = peers.map(({ started }) => started.peakOfSteps ?? Infinity).sort((a, b) => a - b)[0];
  if (leanest !== undefined && Number.isFinite(leanest) && ours.started.peakOfSteps !== null) {
    measurements.push({
      figure: `${precision}: memory, ${ours.name} : the leaner PyTorch`,
      value: ours.started.peakOfSteps / leanest,
      goal: { atMost: 1.15 },
    });
  }
  return { measurements, notes };
}

/** The largest difference; NaN, which is not below any tolerance, where a loss is none. */
function farthest(losses: readonly number[], others: readonly number[]): number {
  return Math.max(...losses.map((loss, index) => Math.abs(loss - (others[index] ?? NaN))));
}
