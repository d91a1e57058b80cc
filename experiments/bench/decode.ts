import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { BenchContext, Benchmark, Measurement, Peer } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
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
  rounds: 2,
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

/** What one round found: ours and the memory of its process, and transformers. */
interface Round {
  readonly bandwidth: number;
  readonly ours: number;
  readonly theirs?: number;
}

/**
 * Each round has processes of its own: on a machine with several nodes of memory it is drawn at the start of a process how near its memory
 * is, and reading is up to 1.6 times as fast from near memory.
 */
async function compare(
  recipe: DecodeRecipe,
  { peer, folder, say }: BenchContext,
): Promise<{ measurements: Measurement[]; notes: string[] }> {
  const about = {
    folder,
    recipe,
    prompt: drawTokens(recipe, recipe.promptTokens),
    threads: availableParallelism(),
  };
  const rounds: Round[] = [];
  const notes = new Set(
    peer === undefined ? ['no PyTorch: --peer-python names a Python that has it and transformers'] : [],
  );
  for (let round = 1; round <= recipe.rounds; round++) {
    say(`round ${round} of ${recipe.rounds}`);
    const ours = startModule(new URL('decode-worker.ts', import.meta.url).href);
    const mine = await withChildren([ours], async () => {
      const tokens = await ours.ask<number[]>('start', about);
      const before = await ours.ask<number>('bandwidth', null);
      const speed = await ours.ask<number>('block', null);
      const after = await ours.ask<number>('bandwidth', null);
      return { tokens, ours: speed, bandwidth: (before + after) / 2 };
    });
    const theirs = peer && (await peerRound(peer, about, mine.tokens));
    if (theirs?.note !== undefined) notes.add(theirs.note);
    rounds.push({ ...mine, ...(theirs?.speed !== undefined && { theirs: theirs.speed }) });
  }
  const ourSpeed = rounds.map(({ ours }) => ours);
  const bandwidth = rounds.map((round) => round.bandwidth);
  const theirSpeed = rounds.flatMap(({ theirs }) => theirs ?? []);
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
    ...(theirSpeed.length < rounds.length
      ? []
      : [
          summarise('transformers', theirSpeed, { unit: 'tokens/s' }),
          summarise('ours : transformers', ratios(ourSpeed, theirSpeed), { goal: { atLeast: 3 } }),
        ]),
  ];
  return { measurements, notes: [...notes] };
}

/** The peer's speed, or why there is none, and whether it wrote the same. */
async function peerRound(
  peer: Peer,
  about: Parameters<Child['ask']>[1],
  tokens: readonly number[],
): Promise<{ readonly speed?: number; readonly note?: string }> {
  const child = start(peer.python, [fileURLToPath(new URL('decode_peer.py', import.meta.url))]);
  return withChildren([child], async () => {
    try {
      const written = await child.ask<number[]>('start', about);
      const place = written.findIndex((token, index) => token !== tokens[index]);
      const speed = await child.ask<number>('block', null);
      return { speed, ...(place >= 0 && { note: `the tokens differ from place ${place} on` }) };
    } catch (error) {
      return { note: `no comparison: ${error instanceof Error ? error.message : String(error)}` };
    }
  });
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
