/**
 * What can be learned of real preferences by models small enough for two cores, measured on prompts that nobody trained on: the ranking of
 * an SFT model before and after DPO, and the accuracy, length bias and calibration of a reward model.
 *
 *   node --import tsx experiments/bench/preferences.ts                  dpo_demo, which ships
 *   node --import tsx experiments/bench/preferences.ts pairs.jsonl 128  rows of prompt (or instruction and input), chosen,
 *                                                                       rejected; the context; the seed
 */
import { readFile } from 'node:fs/promises';
import {
  bind,
  calibration,
  chatMl,
  decoder,
  dpo,
  fineTune,
  judgePairs,
  key,
  lengthBias,
  measurePreferences,
  perTokenRewards,
  prefer,
  preferencePairs,
  preferencesInOrder,
  rankedPair,
  rankingAccuracy,
  readPreferences,
  splitByPrompt,
  trainBpe,
  trainRewardModel,
  type Model,
  type PreferenceContent,
  type PreferencePair,
} from 'trainbook';

const [file, contextText = '128', seedText = '1'] = process.argv.slice(2);
const context = Number(contextText);
const seed = key(Number(seedText));

const rows = file === undefined ? (await readPreferences('dpo_demo')).rows : await rowsOf(file);
const { train, heldOut } = splitByPrompt(rows, 0.2, seed);
const texts = train.flatMap(({ prompt, chosen, rejected }) => [
  ...prompt.map(({ content }) => content),
  chosen,
  rejected,
]);
const tokenizer = await trainBpe(
  { documents: texts.map((text) => ({ text })) },
  { vocabularySize: 1024, specialTokens: ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] },
);
const chat = bind(chatMl, tokenizer);
const pairs = preferencePairs(chat, train, { context });
const unseen = preferencePairs(chat, heldOut, { context });
say({
  pairs: pairs.pairs.length,
  unseen: unseen.pairs.length,
  tooLong: pairs.leftOut.length + unseen.leftOut.length,
  chosenLonger: share(unseen.pairs, ({ chosen, rejected }) => chosen.length > rejected.length),
});

const architecture = decoder({ layers: 2, width: 96, heads: 3, context, vocabularySize: tokenizer.size });
const base: Model = { architecture, weights: architecture.init(seed) };
const numbers = { batchSize: 16, key: seed, evaluateEvery: 1000, warmupSteps: 10 };
const sft = await fineTune(base, {
  ...numbers,
  chat,
  data: train.map(({ prompt, chosen }) => ({
    kind: 'conversation' as const,
    turns: [...prompt, { role: 'assistant' as const, content: chosen }],
  })),
  unfit: 'truncate',
  epochs: 8,
  learningRate: 1e-3,
  metrics: every(20, 'sft'),
});
const before = await ranking(sft);
say({ rankingOfSft: before });

const judge = await trainRewardModel(sft, {
  ...numbers,
  pairs: pairs.pairs,
  epochs: 2,
  learningRate: 2e-4,
  centring: 0.01,
  metrics: every(10, 'reward'),
});
const scored = await judgePairs(
  judge,
  unseen.pairs.map((pair) => rankedPair(pair, 'reward')),
);
const { buckets, ...bias } = lengthBias(scored);
const margins = scored.map(({ chosen, rejected }) => chosen.reward - rejected.reward);
say({
  rewardAccuracy: rankingAccuracy(scored).accuracy,
  bias,
  buckets,
  calibrationError: calibration(margins).expectedCalibrationError,
});

const aligned = await prefer(sft, {
  ...numbers,
  pairs: pairs.pairs,
  objective: dpo({ beta: 0.1 }),
  epochs: 2,
  learningRate: 1e-4,
  metrics: every(10, 'dpo'),
});
const after = await ranking(aligned);
say({ rankingOfSft: before, rankingAfterDpo: after, points: 100 * (after - before) });

/** The share of unseen pairs whose chosen answer has the higher mean ln p of a token. */
async function ranking({ architecture: of, weights }: Model): Promise<number> {
  const measure = measurePreferences(perTokenRewards(of));
  const { accuracy } = await measure(weights, preferencesInOrder(unseen.pairs, { context, padding: 0 }, 8));
  return accuracy;
}

async function rowsOf(path: string): Promise<PreferenceContent[]> {
  type Row = Readonly<Record<string, string>>;
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const { prompt, instruction = '', input = '', chosen = '', rejected = '' } = JSON.parse(line) as Row;
    const content = prompt ?? [instruction, input].filter((text) => text !== '').join('\n');
    return { kind: 'preference', prompt: [{ role: 'user', content }], chosen, rejected };
  });
}

function share(some: readonly PreferencePair[], holds: (pair: PreferencePair) => boolean): number {
  return some.filter(holds).length / some.length;
}

function every(steps: number, task: string): (step: number, values: Record<string, number>) => void {
  return (step, { loss, accuracy, ranking: ranked }) => {
    if (step % steps === 0 && loss !== undefined) say({ task, step, loss, accuracy, ranking: ranked });
  };
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify({ seconds: Math.round(performance.now() / 1000), ...what })}\n`);
}
