import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModel, loadPretrained, modelFolder, publishedModels, saveModel } from 'trainbook';
import type { BenchContext, Benchmark, Measurement } from '../../src/commands/bench.js';
import { median, ratios, summarise } from './blocks.js';
import { start, startModule, withChildren, type Child } from './child.js';
import { drawPrompts, writeSmallModel, type RolloutRecipe, type SmallModel } from './rollout-recipe.js';
import type { RolloutBlock, RolloutStart, RolloutStarted } from './rollout-worker.js';

const published = 'SmolLM2-135M-Instruct' satisfies keyof typeof publishedModels;

const sizes: SmallModel = { depth: 4, vocabularySize: 4096, context: 256 };
const small: readonly RolloutRecipe[] = [
  {
    name: 'depth 4, 64 prompts',
    numPrompts: 64,
    answersPerPrompt: 1,
    promptTokens: [20, 60],
    newTokens: 48,
    rounds: 5,
  },
  {
    name: 'depth 4, 8 prompts × 8 answers',
    numPrompts: 8,
    answersPerPrompt: 8,
    promptTokens: [20, 60],
    newTokens: 48,
    rounds: 5,
  },
];
const large: RolloutRecipe = {
  name: 'SmolLM2-135M, 8 prompts',
  numPrompts: 8,
  answersPerPrompt: 1,
  promptTokens: [20, 60],
  newTokens: 32,
  rounds: 3,
};
const quick: { readonly model: SmallModel; readonly recipes: readonly RolloutRecipe[] } = {
  model: { depth: 1, vocabularySize: 65, context: 32 },
  recipes: small.map((recipe) => ({ ...recipe, promptTokens: [2, 4], newTokens: 4, rounds: 2 })),
};

/** Answers drawn in batches, as reinforcement learning wants them, beside Hugging Face's `generate` with the same weights. */
export const rollout: Benchmark = {
  name: 'rollout',
  title: 'answers of a whole batch, drawn, beside Hugging Face transformers’ generate',
  workload: (isQuick) => ({
    model: isQuick ? quick.model : sizes,
    batches: isQuick ? quick.recipes : [...small, large],
    dtype: 'float32',
    weights: `drawn by key(1); ${published}`,
    threads: availableParallelism(),
  }),
  run: async (context) => {
    const folder = join(context.folder, 'small');
    await writeSmallModel(context.quick ? quick.model : sizes, folder);
    const measurements: Measurement[] = [];
    for (const recipe of context.quick ? quick.recipes : small)
      measurements.push(...(await compare(recipe, folder, context, { atLeast: 3 })));
    const notes =
      context.peer === undefined ? ['no PyTorch: --peer-python names a Python that has it and transformers'] : [];
    if (context.quick) return { measurements, notes };
    const source = publishedFolder();
    if (source === undefined)
      return { measurements, notes: [...notes, `no ${published}: npx trainbook setup --models`] };
    const copy = join(context.folder, 'published');
    await saveModel((await loadPretrained(source)).model, copy);
    return { measurements: [...measurements, ...(await compare(large, copy, context))], notes };
  },
};

function publishedFolder(): string | undefined {
  try {
    const folder = modelFolder(published);
    return existsSync(folder) ? folder : undefined;
  } catch {
    return undefined; // not fetched
  }
}

async function compare(
  recipe: RolloutRecipe,
  folder: string,
  { peer, say }: BenchContext,
  goal?: Measurement['goal'],
): Promise<Measurement[]> {
  const { vocabularySize } = (await loadModel(folder)).architecture.config;
  const about: RolloutStart = { folder, prompts: drawPrompts(recipe, vocabularySize), newTokens: recipe.newTokens };
  const ours = startModule(new URL('rollout-worker.ts', import.meta.url).href);
  const script = fileURLToPath(new URL('rollout_peer.py', import.meta.url));
  const theirs = peer === undefined ? undefined : start(peer.python, [script]);
  return withChildren(theirs === undefined ? [ours] : [ours, theirs], async () => {
    say(`${recipe.name}: ours compiles`);
    const first = await ours.ask<RolloutStarted>('start', about);
    const figure = (what: string): string => `${recipe.name}: ${what}`;
    if (theirs === undefined) {
      const own = await blocks(recipe, [() => ours.ask('block', null)]);
      return [summarise(figure('ours'), speeds(own[0]), { unit: 'tokens/s' })];
    }
    await theirs.ask('start', about);
    const difference = await largestDifference(theirs, first);
    say(`${recipe.name}: ${recipe.rounds} rounds`);
    const counts = [...new Set([availableParallelism(), 1])];
    const [own = [], ...others] = await blocks(recipe, [
      () => ours.ask('block', null),
      ...counts.map((threads) => () => theirs.ask<RolloutBlock>('block', { threads })),
    ]);
    // Where other programs use the cores, PyTorch's threads wait for each other and one alone is faster: it gets its best.
    const best = others.reduce((faster, other) => (median(speeds(other)) > median(speeds(faster)) ? other : faster));
    return [
      summarise(figure('ours'), speeds(own), { unit: 'tokens/s' }),
      ...others.map((other, index) =>
        summarise(figure(`transformers, ${counts[index] ?? 1} threads`), speeds(other), { unit: 'tokens/s' }),
      ),
      summarise(
        figure('ours : transformers, its faster one'),
        ratios(speeds(own), speeds(best)),
        goal === undefined ? {} : { goal },
      ),
      summarise(figure('processor time of a token, ours'), times(own), { unit: 'ms' }),
      summarise(figure('processor time of a token, transformers, 1 thread'), times(others.at(-1)), { unit: 'ms' }),
      {
        figure: figure('ln p of our tokens differs from transformers’ by at most'),
        value: difference,
        goal: { atMost: 1e-3 },
      },
    ];
  });
}

const speeds = (found: readonly RolloutBlock[] = []): number[] => found.map(({ tokensPerSecond }) => tokensPerSecond);
const times = (found: readonly RolloutBlock[] = []): number[] => found.map(({ milliseconds }) => milliseconds);

/** One batch of each contestant in turn; the first round only warms up. */
async function blocks(
  { rounds }: RolloutRecipe,
  contestants: readonly (() => Promise<RolloutBlock>)[],
): Promise<RolloutBlock[][]> {
  const found = contestants.map((): RolloutBlock[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const block = await contestant();
      if (round > 0) found[index]?.push(block);
    }
  }
  return found;
}

/** Answers that the peer scores, too. */
const numScored = 4;

async function largestDifference(theirs: Child, { tokens, logProbabilities }: RolloutStarted): Promise<number> {
  const scores = await theirs.ask<number[][]>('score', { answers: tokens.slice(0, numScored) });
  return Math.max(
    ...scores.flatMap((own, answer) =>
      own.map((score, place) => Math.abs(score - (logProbabilities[answer]?.[place] ?? NaN))),
    ),
  );
}
