import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bert, fold, gpt2, key, maskedLanguageModel, saveEncoder, saveModel, uniformNumbers } from 'trainbook';
import type { BenchContext, Benchmark, Measurement, Peer } from '../../src/commands/bench.js';
import { alternate, median, ratios, summarise } from './blocks.js';
import { defaultTargets, writeSafetensors } from './built.js';
import { start, startModule, withChildren, type Child } from './child.js';
import { adamwNumbers } from './gpt-recipe.js';
import type { StepStart, StepStarted } from './transformers-worker.js';

/** A published architecture, which is compared with the same in transformers. */
export interface Compared {
  readonly name: string;
  readonly kind: StepStart['kind'];
  /** Writes the model as a Hugging Face folder, and `batches.safetensors` into it. */
  readonly prepare: (folder: string) => Promise<unknown>;
  /** What speeds count. Default: tokens/s. */
  readonly unit?: string;
  /** Steps whose losses must be equal. Default: 3. */
  readonly checkSteps?: number;
}

/** A model and the batches that it is trained on. */
interface Recipe {
  readonly name: string;
  readonly kind: 'decoder' | 'encoder';
  readonly vocabularySize: number;
  readonly batchSize: number;
  readonly context: number;
  /** The share of tokens that are targets. */
  readonly counted: number;
  /** Writes the model as a Hugging Face folder. */
  readonly write: (folder: string) => Promise<unknown>;
}

function recipes(quick: boolean): readonly Recipe[] {
  const [batchSize, context] = quick ? [2, 16] : [4, 256];
  const tiny = { layers: 1, width: 32, heads: 2, context: 32, vocabularySize: 65 };
  const decoder = gpt2('small', quick ? tiny : {});
  const encoder = bert('base', { dropout: 0, ...(quick ? tiny : {}) });
  return [
    {
      name: 'GPT-2 small',
      kind: 'decoder',
      vocabularySize: decoder.config.vocabularySize,
      batchSize,
      context,
      counted: 1,
      write: (folder) => saveModel({ architecture: decoder, weights: decoder.init(key(1)) }, folder),
    },
    {
      name: 'BERT base',
      kind: 'encoder',
      vocabularySize: encoder.config.vocabularySize,
      batchSize,
      context,
      counted: 0.15,
      write: (folder) => {
        const head = maskedLanguageModel(encoder);
        const attached = { architecture: head, weights: head.init(key(2)) };
        return saveEncoder(
          { architecture: encoder, weights: encoder.init(key(1)), heads: { maskedLanguageModel: attached } },
          folder,
        );
      },
    },
  ];
}

export const numBatches = 4;
export const timing = (quick: boolean) => ({ rounds: quick ? 2 : 5, secondsPerBlock: quick ? 0.2 : 8, checkSteps: 3 });

/** Training steps of GPT-2 small and BERT base against the same models in transformers: same weights, batches and AdamW. */
export const transformersStep: Benchmark = {
  name: 'transformers-step',
  title: 'a training step of published architectures (forward, backward, AdamW), beside Hugging Face transformers',
  workload: (quick) => ({
    models: recipes(quick).map(({ write: _write, ...rest }) => ({ ...rest })),
    adamw: adamwNumbers,
    dtype: 'float32',
    dropout: 0,
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
    ...timing(quick),
  }),
  run: async (context) => {
    const compared = recipes(context.quick).map((recipe) => ({
      ...recipe,
      prepare: async (folder: string): Promise<void> => {
        await recipe.write(folder);
        await writeBatches(recipe, folder);
      },
    }));
    return compareAll(compared, context);
  },
};

/** Architectures by name, of one kind: what is measured of them, and what they are compared by. */
export function allOf<Architecture extends { readonly numParameters: number }>(
  architectures: Readonly<Record<string, Architecture>>,
  kind: StepStart['kind'],
  write: (architecture: Architecture, folder: string) => Promise<unknown>,
) {
  const named = Object.entries(architectures);
  return {
    models: named.map(([name, { numParameters }]) => ({ name, numParameters })),
    compared: named.map(([name, architecture]): Compared => {
      return { name, kind, prepare: (folder) => write(architecture, folder) };
    }),
  };
}

/** One architecture after another, ours and transformers'. */
export async function compareAll(
  compared: readonly Compared[],
  context: BenchContext,
): Promise<{ measurements: Measurement[]; notes: string[] }> {
  const measurements: Measurement[] = [];
  const notes: string[] = [];
  for (const one of compared) {
    const found = await compareSteps(one, context);
    measurements.push(...found.measurements);
    notes.push(...found.notes);
  }
  if (context.peer === undefined) notes.push(noPeer);
  return { measurements, notes };
}

/** What is said where nothing can be compared. */
export const noPeer = 'no PyTorch: --peer-python names a Python that has it and transformers';

/** Who takes training steps, and of which folder's model. */
export interface StepContestant {
  readonly name: string;
  readonly folder: string;
  readonly kind: StepStart['kind'];
  readonly target: string;
  readonly child: Child;
}

/** What one contestant did. */
export interface StepResult {
  readonly name: string;
  readonly started: StepStarted;
  /** Of each block. */
  readonly speeds: readonly number[];
}

/** A contestant of ours. */
export function ourSteps(name: string, folder: string, kind: StepStart['kind']): StepContestant {
  const child = startModule(new URL('transformers-worker.ts', import.meta.url).href);
  return { name, folder, kind, target: defaultTargets.float32, child };
}

/** transformers' of the same folder. */
export function theirSteps(
  { python }: Peer,
  target: 'eager' | 'compile',
  folder: string,
  kind: StepStart['kind'],
): StepContestant {
  const script = fileURLToPath(new URL('transformers_peer.py', import.meta.url));
  return { name: `transformers, ${target}`, folder, kind, target, child: start(python, [script]) };
}

/** First steps of each contestant, then blocks of steps in turn. */
export function stepsInTurn(
  contestants: readonly StepContestant[],
  { rounds, secondsPerBlock, checkSteps }: ReturnType<typeof timing>,
  say: BenchContext['say'],
): Promise<StepResult[]> {
  return withChildren(
    contestants.map(({ child }) => child),
    async () => {
      const started: StepStarted[] = [];
      for (const { name, folder, kind, target, child } of contestants) {
        say(`${name}: first steps`);
        const input: StepStart = {
          ...{ folder, kind, target, checkSteps },
          threads: availableParallelism(),
          adamw: adamwNumbers,
        };
        started.push(await child.ask<StepStarted>('start', input));
      }
      say(`${rounds} rounds of blocks of ${secondsPerBlock} s`);
      const blocks = await alternate(
        contestants.map(
          ({ child }) =>
            () =>
              child.ask<number>('block', { seconds: secondsPerBlock }),
        ),
        rounds,
      );
      return contestants.map(({ name }, index) => ({
        name,
        started: started[index] as StepStarted,
        speeds: blocks[index] ?? [],
      }));
    },
  );
}

/** Blocks of training steps of an architecture, ours and transformers' in turn. */
async function compareSteps(
  { name, kind, prepare, unit, checkSteps }: Compared,
  { quick, peer, folder: parent, say }: BenchContext,
): Promise<{ measurements: Measurement[]; notes: string[] }> {
  const folder = join(parent, name.replaceAll(' ', '-'));
  await prepare(folder);
  const peers = peer && (['eager', 'compile'] as const).map((target) => theirSteps(peer, target, folder, kind));
  const contestants = [ourSteps('ours', folder, kind), ...(peers ?? [])];
  const results = await stepsInTurn(
    contestants,
    { ...timing(quick), ...(checkSteps !== undefined && { checkSteps }) },
    (line) => {
      say(`${name}: ${line}`);
    },
  );
  return report(name, results, unit);
}

/** Speeds and memory, and the ratio of ours, the first, to the best peer: only where all computed the same losses. */
function report(
  model: string,
  results: readonly StepResult[],
  unit = 'tokens/s',
): { measurements: Measurement[]; notes: string[] } {
  const [ours, ...peers] = results as [StepResult, ...StepResult[]];
  const measurements: Measurement[] = results.flatMap(({ name, started, speeds }) => [
    summarise(`${model}: ${name}`, speeds, { unit }),
    ...(started.peakOfSteps === null
      ? []
      : [{ figure: `${model}: ${name}: memory of a step above import`, value: started.peakOfSteps, unit: 'MB' }]),
  ]);
  if (peers.length === 0) return { measurements, notes: [] };
  const difference = Math.max(
    ...peers.flatMap(({ started }) =>
      started.losses.map((loss, index) => Math.abs(loss - (ours.started.losses[index] ?? NaN))),
    ),
  );
  measurements.push({ figure: `${model}: first losses differ by at most`, value: difference, unit: 'nats' });
  if (!(difference <= 1e-3)) {
    const losses = results.map(({ name, started }) => `${name}: ${started.losses.join(' ')}`).join('; ');
    return { measurements, notes: [`${model}: no ratio: the first losses differ: ${losses}`] };
  }
  const best = peers.reduce((a, b) => (median(b.speeds) > median(a.speeds) ? b : a));
  measurements.push(
    summarise(`${model}: ours : ${best.name}`, ratios(ours.speeds, best.speeds), {
      goal: { atLeast: 1 },
    }),
  );
  return { measurements, notes: [] };
}

/** Tokens drawn evenly by key: the speed does not depend on them. */
export async function writeBatches(
  { vocabularySize, batchSize, context, counted }: Omit<Recipe, 'name' | 'kind' | 'write'>,
  folder: string,
): Promise<void> {
  const size = numBatches * batchSize * context;
  const drawn = (name: string): readonly number[] => Array.from(uniformNumbers(fold(key(1), name), size));
  const tokens = (name: string): Int32Array =>
    Int32Array.from(drawn(name), (number) => Math.floor(number * vocabularySize));
  const shape = [numBatches, batchSize, context];
  await writeSafetensors(join(folder, 'batches.safetensors'), {
    tensors: new Map([
      ['inputs', { shape, elements: tokens('inputs') }],
      ['targets', { shape, elements: tokens('targets') }],
      ['counted', { shape, elements: Float32Array.from(drawn('counted'), (number) => Number(number < counted)) }],
    ]),
    metadata: {},
  });
}
