import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { BenchContext, Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate, ratios, summarise } from './blocks.js';
import { type Child, start, startModule, withChildren } from './child.js';
import { architectureOf, drawTokens, longArchitectureOf, writeModel, type DecodeRecipe } from './decode-recipe.js';
import type { DecodeCost } from './decode-worker.js';

const full: DecodeRecipe = {
  layers: 12,
  width: 768,
  heads: 12,
  vocabularySize: 50_257,
  promptTokens: 96,
  newTokens: 64,
  rounds: 7,
  bandwidthBytes: 1_024_000_000,
  lengths: [128, 512, 1024, 2048, 4096],
};
const quick: DecodeRecipe = {
  ...full,
  layers: 1,
  width: 32,
  heads: 2,
  vocabularySize: 65,
  promptTokens: 8,
  newTokens: 8,
  rounds: 3,
  bandwidthBytes: 4_096_000,
  lengths: [16, 64],
};

const recipeOf = (isQuick: boolean): DecodeRecipe => (isQuick ? quick : full);

/** Greedy text from GPT-2, against what the memory allows and against Hugging Face; and what the cache is worth. */
export const decode: Benchmark = {
  name: 'decode',
  title: 'greedy decoding of a GPT-2 at batch 1, beside the memory’s speed and Hugging Face transformers',
  workload: (isQuick) => ({
    ...recipeOf(isQuick),
    dtype: 'float32',
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
  }),
  run: async (context) => {
    const recipe = recipeOf(context.quick);
    await writeModel(recipe, context.folder);
    const speed = await compare(recipe, context);
    const table = await costs(recipe, context);
    return { measurements: [...speed.measurements, ...table], notes: speed.notes };
  },
};

async function compare(
  recipe: DecodeRecipe,
  { peer, folder, say }: BenchContext,
): Promise<{ measurements: Measurement[]; notes: string[] }> {
  const ours = startModule(new URL('decode-worker.ts', import.meta.url).href);
  const script = fileURLToPath(new URL('decode_peer.py', import.meta.url));
  const theirs = peer === undefined ? undefined : start(peer.python, [script]);
  return withChildren(theirs === undefined ? [ours] : [ours, theirs], async () => {
    const about = {
      folder,
      recipe,
      prompt: drawTokens(recipe, recipe.promptTokens),
      threads: availableParallelism(),
    };
    say('ours: first tokens');
    const tokens = await ours.ask<number[]>('start', about);
    const others = theirs && (await firstTokens(theirs, about, say));
    const same = others?.tokens?.findIndex((token, index) => token !== tokens[index]);
    say(`${recipe.rounds} rounds`);
    const [bandwidth = [], ourSpeed = [], theirSpeed] = await alternate(
      [
        () => ours.ask<number>('bandwidth', null),
        () => ours.ask<number>('block', null),
        ...(theirs === undefined || others?.tokens === undefined ? [] : [() => theirs.ask<number>('block', null)]),
      ],
      recipe.rounds,
    );
    const bytes = 4 * architectureOf(recipe).numParameters;
    const measurements = [
      summarise('ours', ourSpeed, { unit: 'tokens/s' }),
      summarise(
        'ours, a token',
        ourSpeed.map((speed) => 1000 / speed),
        { unit: 'ms' },
      ),
      summarise(
        'memory, read by all threads',
        bandwidth.map((speed) => speed / 1e9),
        { unit: 'GB/s' },
      ),
      summarise(
        'ours : as often as the memory can be read for all weights',
        ratios(ourSpeed, bandwidth).map((ratio) => ratio * bytes),
        { goal: { atLeast: 0.75 } },
      ),
      ...(theirSpeed === undefined
        ? []
        : [
            summarise('transformers', theirSpeed, { unit: 'tokens/s' }),
            summarise('ours : transformers', ratios(ourSpeed, theirSpeed), { goal: { atLeast: 3 } }),
          ]),
    ];
    const notes = [
      others?.note,
      same === undefined || same < 0 ? undefined : `the tokens differ from place ${same} on`,
    ];
    if (peer === undefined) notes.push('no PyTorch: --peer-python names a Python that has it and transformers');
    return { measurements, notes: notes.flatMap((note) => note ?? []) };
  });
}

/** What the peer generates, or why it does not. */
async function firstTokens(
  peer: Child,
  about: Parameters<Child['ask']>[1],
  say: (line: string) => void,
): Promise<{ readonly tokens?: number[]; readonly note?: string }> {
  say('transformers: first tokens');
  try {
    return { tokens: await peer.ask<number[]>('start', about) };
  } catch (error) {
    return { note: `no comparison: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A token's time and FLOPs by the number of tokens before it, with a cache and without. */
async function costs(recipe: DecodeRecipe, { say }: BenchContext): Promise<Measurement[]> {
  const child = startModule(new URL('decode-worker.ts', import.meta.url).href);
  const architecture = longArchitectureOf(recipe);
  return withChildren([child], async () => {
    const measurements: Measurement[] = [];
    for (const length of recipe.lengths) {
      say(`a token after ${length} others`);
      const input = { recipe, tokens: drawTokens(recipe, length), length };
      const { withCache, withoutCache } = await child.ask<DecodeCost>('cost', input);
      const { decodeFlops, decodeFlopsWithoutCache } = architecture.cost(length);
      measurements.push(
        { figure: `after ${length} tokens, with cache`, value: withCache, unit: 'ms' },
        { figure: `after ${length} tokens, computed with cache`, value: decodeFlops / 1e9, unit: 'GFLOP' },
        { figure: `after ${length} tokens, without`, value: withoutCache, unit: 'ms' },
        { figure: `after ${length} tokens, computed without`, value: decodeFlopsWithoutCache / 1e9, unit: 'GFLOP' },
      );
    }
    return measurements;
  });
}
