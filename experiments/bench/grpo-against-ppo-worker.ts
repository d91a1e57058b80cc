import {
  bind,
  chatMl,
  decoder,
  engineInfo,
  grpo,
  key,
  ppo,
  question,
  reinforce,
  sizesOfDepth,
  trainBpe,
  uniformNumbers,
} from 'trainbook';
import { median } from './blocks.js';
import type { MethodName, MethodRecipe } from './grpo-against-ppo.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** Medians over steps, in seconds; MB above the RSS after import, null where the system does not tell. */
export type MeasuredMethod = {
  readonly step: number;
  readonly rollouts: number;
  readonly peak: number | null;
  /** The mean reward of each step: equal where the answers are. */
  readonly rewards: readonly number[];
};

const methods = {
  ppo: (groupSize: number) => ppo({ groupSize, updates: 1, kl: 0.05 }),
  grpo: (groupSize: number) => grpo({ groupSize, beta: 0.04 }),
  'grpo without KL': (groupSize: number) => grpo({ groupSize }),
} as const;

export const answers = {
  /** A few steps of a method that change no weight. */
  measure: async ({
    recipe,
    method,
  }: {
    readonly recipe: MethodRecipe;
    readonly method: MethodName;
  }): Promise<MeasuredMethod> => {
    engineInfo();
    const imported = residentMegabytes();
    const { depth, context, vocabularySize, batchSize, groupSize, maxTokens, steps } = recipe;
    const words = Array.from(uniformNumbers(key(1), 40_000), (number) =>
      Math.floor(number ** 2 * 5_000_000).toString(26),
    );
    const specialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];
    const corpus = { documents: [{ id: 'words', text: words.join(' ') }] };
    const chat = bind(chatMl, await trainBpe(corpus, { vocabularySize, specialTokens }));
    const architecture = decoder({ ...sizesOfDepth(depth), context, vocabularySize });
    const problems = Array.from({ length: 4 * batchSize }, (_, index) => ({
      prompt: question(chatMl, [{ role: 'user', content: words.slice(6 * index, 6 * index + 6).join(' ') }]),
      answer: '',
    }));
    resetPeak();
    const [ends, rollouts, rewards]: [number[], number[], number[]] = [[], [], []];
    await reinforce(
      { architecture, weights: architecture.init(key(2)) },
      {
        chat,
        problems,
        rewards: { vowels: ({ completion }) => (completion.match(/[aeiou]/g) ?? []).length / maxTokens },
        method: methods[method](groupSize),
        maxTokens,
        steps,
        batchSize,
        learningRate: 1e-30,
        key: key(3),
        metrics: (_, { reward, rolloutSeconds }) => {
          if (reward === undefined || rolloutSeconds === undefined) return;
          rewards.push(reward);
          rollouts.push(rolloutSeconds);
        },
        on: ({ type }) => {
          if (type === 'step') ends.push(performance.now());
        },
      },
    );
    const seconds = ends.slice(1).map((end, index) => (end - (ends[index] ?? NaN)) / 1000);
    const peak = peakMegabytes();
    return {
      step: median(seconds),
      rollouts: median(rollouts.slice(1)),
      peak: peak === null ? null : peak - imported,
      rewards,
    };
  },
};
