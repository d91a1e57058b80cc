import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { BenchContext, Benchmark, Measurement, Outcome } from '../../src/commands/bench.js';
import { alternate, ratios, summarise } from './blocks.js';
import { type Child, start, startModule, withChildren } from './child.js';
import { sftRecipe, weightsOf, writeSft } from './sft-recipe.js';
import type { SftStart, SftStarted } from './sft-worker.js';

/** Whom a fine-tuning is compared with, and what is to be reached. */
interface Comparison {
  readonly trained: SftStart['trained'];
  readonly form: string;
  /** The peer's name. */
  readonly peer: string;
  /** Of tokens a second, ours to theirs. */
  readonly atLeast: number;
  /** Of memory, ours to theirs. */
  readonly atMost?: number;
}

/** All weights of SmolLM2-135M, by `train` as `fineTune` runs it, and by TRL's SFTTrainer: same weights, rows and AdamW. */
export const sftStep: Benchmark = benchmarkOf({
  name: 'sft-step',
  title: 'fine-tuning steps of all weights, beside TRL’s SFTTrainer',
  comparison: { trained: 'whole', form: 'trainer', peer: 'SFTTrainer', atLeast: 1.1 },
});

/** LoRA on the queries and values of SmolLM2-135M, and PEFT's on transformers' model in a plain loop: same weights and rows. */
export const loraStep: Benchmark = benchmarkOf({
  name: 'lora-step',
  title: 'LoRA steps (rank 16, q_proj and v_proj), beside PEFT and transformers',
  comparison: { trained: 'lora', form: 'eager', peer: 'PEFT', atLeast: 1.2, atMost: 1 },
});

function benchmarkOf({
  name,
  title,
  comparison,
}: Pick<Benchmark, 'name' | 'title'> & { readonly comparison: Comparison }): Benchmark {
  return {
    name,
    title,
    workload: (quick) => ({
      ...sftRecipe(quick),
      targets: [...sftRecipe(quick).targets],
      trained: comparison.trained,
      dtype: 'float32',
      answers: 'the second half of each row',
      weights: weightsOf(quick),
      threads: availableParallelism(),
    }),
    run: (context) => compare(comparison, context),
  };
}

async function compare(
  { trained, form, peer: title, atLeast, atMost }: Comparison,
  { quick, peer, folder, say }: BenchContext,
): Promise<Outcome> {
  const recipe = sftRecipe(quick);
  await writeSft(recipe, quick, folder);
  const ours = startModule(new URL('sft-worker.ts', import.meta.url).href);
  const theirs = peer && start(peer.python, [fileURLToPath(new URL('sft_peer.py', import.meta.url))]);
  const input: SftStart = { folder, recipe, trained, form, threads: availableParallelism() };
  return withChildren(theirs === undefined ? [ours] : [ours, theirs], async () => {
    say('ours: first blocks');
    const own = await ours.ask<SftStarted>('start', input);
    const other = theirs && (await firstBlocks(theirs, input, title, say));
    say(`${recipe.rounds} rounds of blocks of ${recipe.blockSteps} steps`);
    const block = (child: Child) => () => child.ask<number>('block', {});
    const both = theirs !== undefined && other?.started !== undefined;
    const seconds = await alternate([block(ours), ...(both ? [block(theirs)] : [])], recipe.rounds);
    const tokens = recipe.blockSteps * recipe.batchSize * recipe.context;
    const [rates = [], others] = seconds.map((blocks) => blocks.map((each) => tokens / each));
    const measurements: Measurement[] = [
      ...measured('ours', rates, own),
      ...(others && other?.started ? measured(title, others, other.started) : []),
    ];
    const notes = other?.note === undefined ? [] : [other.note];
    if (peer === undefined) notes.push('no PyTorch: --peer-python names a Python that has it, TRL and PEFT');
    if (others === undefined || other?.started === undefined) return { measurements, notes };
    const { started } = other;
    const difference = Math.max(...own.losses.map((loss, index) => Math.abs(loss - (started.losses[index] ?? NaN))));
    measurements.push({ figure: 'first losses differ by at most', value: difference, unit: 'nats' });
    if (!(difference <= mostDifference)) {
      const lines = [own, started].map(({ losses }) => losses.join(' ')).join('; ');
      return { measurements, notes: [...notes, `no ratio: the first losses differ: ${lines}`] };
    }
    measurements.push(summarise(`ours : ${title}`, ratios(rates, others), { goal: { atLeast } }));
    if (own.peakOfSteps !== null && started.peakOfSteps !== null) {
      measurements.push({
        figure: `memory, ours : ${title}`,
        value: own.peakOfSteps / started.peakOfSteps,
        ...(atMost !== undefined && { goal: { atMost } }),
      });
    }
    return { measurements, notes };
  });
}

/** Adapters begin with an A that each draws by itself: after the first step losses are alike, not equal. */
const mostDifference = 0.02;

function measured(name: string, rates: readonly number[], { peakOfSteps }: SftStarted): Measurement[] {
  return [
    summarise(name, rates, { unit: 'tokens/s' }),
    ...(peakOfSteps === null ? [] : [{ figure: `${name}: memory above import`, value: peakOfSteps, unit: 'MB' }]),
  ];
}

/** The peer's first blocks, or why it makes none. */
async function firstBlocks(
  child: Child,
  input: SftStart,
  title: string,
  say: (line: string) => void,
): Promise<{ readonly started?: SftStarted; readonly note?: string }> {
  say(`${title}: first blocks`);
  try {
    return { started: await child.ask<SftStarted>('start', input) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { note: `no comparison with ${title}: ${message}` };
  }
}
