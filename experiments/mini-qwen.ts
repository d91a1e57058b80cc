/**
 * The life of a small Qwen: pretraining → fine-tuning → DPO → GRPO, sized by one dial. It learns to read from text that ships; to compute
 * sums step by step from teachers who are in a hurry more often than not, and then forget to carry, and who state most results in a form that
 * people do not like; to keep to the form that they like; and then, from what its own answers earn, to be as right as a teacher with time.
 *
 *     npx trainbook run experiments/mini-qwen.ts                            # depth 4: less than 20 minutes on two cores
 *     npx trainbook run experiments/mini-qwen.ts --to plan --set depth=24   # what a run of the 1B class would take
 *     npx trainbook launch --processes 2 experiments/mini-qwen.ts
 */
import { z } from 'zod';
import {
  answerAll,
  arithmeticProblems,
  bind,
  chatMl,
  conversation,
  deduplicate,
  dialogueLoss,
  dpo,
  evaluate,
  exactAnswer,
  experiment,
  fineTune,
  fold,
  forecast,
  fraction,
  grpo,
  load,
  mcNemar,
  measurePreferences,
  mix,
  normalise,
  pack,
  perTokenRewards,
  prefer,
  preferencePairs,
  preferencesInOrder,
  pretrain,
  qwen3,
  question,
  reinforce,
  shares,
  splitDocuments,
  trainBpe,
  uniformNumbers,
} from 'trainbook';
import type { AnswerAllOptions, Chat, Key, Model, ProblemContent, SystemUserAssistant, Tokenizer } from 'trainbook';

const schema = z.strictObject({
  depth: z.int().min(1).describe('layers; the sizes, the vocabulary and the tokens of pretraining follow from it'),
  data: z.strictObject({ shares: shares(['brown', 'c4_demo', 'shakespeare']), heldOut: fraction() }),
  sums: z.strictObject({
    terms: z.int().min(2).describe('numbers of a sum'),
    largest: z.int().positive().describe('the largest of them'),
    count: z.int().positive().describe('sums to learn from'),
    heldOut: z.int().positive().describe('others, to score'),
    teachers: z.int().positive().describe('how many solve each sum'),
    forgotten: fraction().describe('how often a teacher is in a hurry, and forgets to carry and to borrow'),
    liked: fraction().describe('how often the teachers use the form that people like'),
  }),
  maxTokens: z.int().positive().describe('tokens of an answer'),
  fineTune: z.strictObject({ epochs: z.number().positive(), learningRate: z.number().positive() }),
  prefer: z.strictObject({ prompts: z.int().positive(), learningRate: z.number().positive() }),
  reinforce: z.strictObject({
    steps: z.int().positive(),
    batchSize: z.int().positive(),
    groupSize: z.int().min(2),
    learningRate: z.number().positive(),
  }),
});

/** All that follows from the dial. At depth 4 there is less than a token for a weight, as minutes on a laptop allow; from 24 on 20. */
function sized(depth: number) {
  const vocabularySize = Math.max(1024, 128 * depth ** 2);
  const architecture = qwen3('0.6b', {
    layers: depth,
    width: 64 * depth,
    heads: depth,
    keyValueHeads: Math.max(1, depth % 2 === 0 ? depth / 2 : depth),
    headSize: 64,
    hidden: 192 * depth,
    context: Math.min(4096, 32 * depth),
    vocabularySize,
  });
  const batchSize = depth ** 2;
  const tokensPerWeight = Math.min(20, 0.3 * (depth / 4) ** 2.4);
  const tokens = tokensPerWeight * architecture.numParameters;
  const steps = Math.ceil(tokens / (batchSize * architecture.config.context));
  return { architecture, vocabularySize, batchSize, tokens, steps, learningRate: 6e-3 / depth };
}

const forms = {
  marked: (result: number) => `#### ${result}`,
  boxed: (result: number) => `\\boxed{${result}}`,
} as const;

const asked = ({ question: content }: ProblemContent) => question(chatMl, [{ role: 'user', content }]);

interface Habits {
  readonly forgotten: number;
  readonly liked: number;
}

/** A sum as a teacher solves it; one in a hurry forgets every ten, and goes on from there. */
function taught({ question: content }: ProblemContent, { forgotten, liked }: Habits, key: Key) {
  const [form = 0, hurry = 0] = uniformNumbers(key, 2);
  const [first = '0', ...rest] = content.match(/[+-] \d+|\d+/gu) ?? [];
  let total = Number(first);
  const steps = rest.map((step) => {
    const sign = step.startsWith('-') ? -1 : 1;
    const number = Number(step.slice(2));
    const units = (total % 10) + sign * (number % 10);
    const slip = (units < 0 || units > 9) && hurry < forgotten ? -10 * sign : 0;
    const before = total;
    total += sign * number + slip;
    return `${before} ${step} = ${total}`;
  });
  const written = [...steps, forms[form < liked ? 'marked' : 'boxed'](total)].join('\n');
  return conversation(chatMl, [
    { role: 'user', content },
    { role: 'assistant', content: written },
  ]);
}

/** A model's answer to each problem, and whether it is right and states a result. */
async function solve(
  model: Model,
  problems: readonly ProblemContent[],
  { tokenizer, ...options }: { readonly tokenizer: Tokenizer } & AnswerAllOptions,
) {
  const answers = await answerAll(model, chatOf(tokenizer), problems.map(asked), { batchSize: 100, ...options });
  const isRight = exactAnswer();
  return problems.map(({ question: prompt, answer }, place) => {
    const { text: completion = '', ended = false } = answers[place] ?? {};
    const right = isRight({ prompt, completion, answer: answer.text }) === 1;
    return { prompt, completion, right, stated: ended && /####|\\boxed/u.test(completion) };
  });
}

const share = (values: readonly boolean[]): number => values.filter(Boolean).length / values.length;

interface Pair {
  readonly question: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** A quarter of the pairs, of other problems, is not learned from. */
function parted(pairs: readonly Pair[]): { readonly learned: readonly Pair[]; readonly unseen: readonly Pair[] } {
  const place = Math.ceil(pairs.length / 4);
  return { unseen: pairs.slice(0, place), learned: pairs.slice(place) };
}

/** Pairs as tokens. */
function pairsOf(chat: Chat<SystemUserAssistant>, pairs: readonly Pair[]) {
  const rows = pairs.map(({ question: content, ...answers }) => ({
    prompt: [{ role: 'user' as const, content }],
    ...answers,
  }));
  return preferencePairs(chat, rows).pairs;
}

const chatOf = (tokenizer: Tokenizer): Chat<SystemUserAssistant> => bind(chatMl, tokenizer);

export default experiment('mini-qwen', schema, {
  depth: 4,
  data: { shares: { brown: 0.5, c4_demo: 0.3, shakespeare: 0.2 }, heldOut: 0.05 },
  sums: { terms: 3, largest: 9, count: 2_100, heldOut: 300, teachers: 5, forgotten: 0.6, liked: 0.3 },
  maxTokens: 36,
  fineTune: { epochs: 2, learningRate: 1e-3 },
  prefer: { prompts: 800, learningRate: 2e-5 },
  reinforce: { steps: 140, batchSize: 32, groupSize: 8, learningRate: 7e-5 },
})
  .stage('plan', ({ config: { depth } }) => {
    const { architecture, tokens, steps, batchSize } = sized(depth);
    const cluster = { flops: 1.6e14, bandwidth: 25e9, latency: 20e-6 };
    const { memory, flops, rows } = forecast(architecture, {
      batchSize,
      tokens,
      cluster,
      diskBandwidth: 5e8,
      restartSeconds: 300,
      ...(depth > 12 && { microBatch: depth, recompute: true }),
    });
    return {
      weights: architecture.numParameters,
      tokens,
      steps,
      flops: flops.total,
      memoryBytes: memory.total,
      hoursOnOneGpu: (rows[0]?.seconds ?? NaN) / 3600,
    };
  })
  .stage('corpus', async ({ config: { data }, key }) => {
    const steps = [normalise(), deduplicate({ threshold: 0.9 }), mix({ shares: data.shares, key: fold(key, 'mix') })];
    return splitDocuments(await load(data).through(...steps), data.heldOut, fold(key, 'split'));
  })
  .stage('tokenizer', ({ config: { depth }, corpus, progress }) =>
    trainBpe(
      corpus.train,
      {
        vocabularySize: sized(depth).vocabularySize,
        specialTokens: ['<|endoftext|>', '<|im_start|>', '<|im_end|>'],
        digits: 'single',
      },
      progress,
    ),
  )
  .stage('sums', ({ config: { sums }, key }) => {
    const { terms, largest, count, heldOut, teachers } = sums;
    const all = arithmeticProblems({ count: heldOut + count, terms, largest, key: fold(key, 'problems') });
    const lessons = Array.from({ length: teachers }, (_, teacher) => {
      const own = fold(fold(key, 'teachers'), teacher);
      return all.map((problem, place) => taught(problem, sums, fold(own, place)));
    });
    return {
      problems: all.slice(heldOut),
      heldOut: all.slice(0, heldOut),
      lessons: lessons.flatMap((ofOne) => ofOne.slice(heldOut)),
      heldOutLessons: lessons.flatMap((ofOne) => ofOne.slice(0, heldOut)),
    };
  })
  .stage('base', ({ config: { depth }, corpus, tokenizer, key, metrics, progress, checkpoints, signal, group }) => {
    const { architecture, steps, batchSize, learningRate } = sized(depth);
    const { context } = architecture.config;
    return pretrain(architecture, {
      data: pack(corpus.train, tokenizer, context),
      heldOut: pack(corpus.heldOut, tokenizer, context),
      steps,
      batchSize,
      learningRate,
      warmupSteps: Math.ceil(steps / 10),
      ...{ key, metrics, progress, checkpoints, signal, group },
    });
  })
  .stage('baseScore', ({ base, corpus, tokenizer, progress }) =>
    evaluate(base, pack(corpus.heldOut, tokenizer, base.architecture.config.context), { progress }),
  )
  .stage('sft', ({ config, base, corpus, tokenizer, sums, key, metrics, progress, checkpoints, signal, group }) => {
    const { context } = base.architecture.config;
    return fineTune(base, {
      chat: chatOf(tokenizer),
      data: sums.lessons,
      heldOut: sums.heldOutLessons,
      pretraining: { data: pack(corpus.train, tokenizer, context), share: 0.1 },
      heldOutText: pack(corpus.heldOut, tokenizer, context),
      ...config.fineTune,
      batchSize: 2 * config.depth,
      warmupSteps: 20,
      ...{ key, metrics, progress, checkpoints, signal, group },
    });
  })
  .stage('baseAnswers', ({ config: { maxTokens }, base, tokenizer, sums }) =>
    solve(base, sums.heldOut, { tokenizer, maxTokens }),
  )
  .stage('sftAnswers', ({ config: { maxTokens }, sft, tokenizer, sums }) =>
    solve(sft, sums.heldOut, { tokenizer, maxTokens }),
  )
  .stage('imitation', async ({ base, sft, baseAnswers, sftAnswers, tokenizer, sums }) => {
    const nats = async (model: Model) => (await dialogueLoss(model, chatOf(tokenizer), sums.heldOutLessons)).nats;
    const stated = (of: typeof sftAnswers) => share(of.map((answer) => answer.stated));
    return {
      'loss on held-out lessons (nats)': { base: await nats(base), sft: await nats(sft) },
      'states a result': { base: stated(baseAnswers), sft: stated(sftAnswers) },
    };
  })
  // What it wrote, in the form that people like and in the other: of right answers and of wrong ones.
  .stage('pairs', async ({ config, sft, tokenizer, sums, key }) => {
    const tried = sums.problems.slice(0, config.prefer.prompts);
    const drawn = { temperature: 1, key };
    const answers = await solve(sft, tried, { tokenizer, maxTokens: config.maxTokens, drawn });
    return answers.flatMap(({ prompt: question, completion }) => {
      const [stated, result = ''] = /(?:#### |\\boxed\{)(-?\d+)\}?$/u.exec(completion.trim()) ?? [];
      if (stated === undefined) return [];
      const way = completion.trim().slice(0, -stated.length);
      return [{ question, chosen: way + forms.marked(Number(result)), rejected: way + forms.boxed(Number(result)) }];
    });
  })
  .stage('aligned', ({ config, sft, tokenizer, pairs, key, metrics, progress, checkpoints, signal, group }) => {
    const { learned, unseen } = parted(pairs);
    return prefer(sft, {
      pairs: pairsOf(chatOf(tokenizer), learned),
      heldOut: pairsOf(chatOf(tokenizer), unseen),
      objective: dpo({ beta: 0.1 }),
      epochs: 1,
      batchSize: 16,
      evaluateEvery: 10,
      learningRate: config.prefer.learningRate,
      ...{ key, metrics, progress, checkpoints, signal, group },
    });
  })
  .stage('rankings', async ({ sft, aligned, tokenizer, pairs }) => {
    const unseen = pairsOf(chatOf(tokenizer), parted(pairs).unseen);
    const sizes = { context: sft.architecture.config.context, padding: 0 };
    const measure = measurePreferences(perTokenRewards(sft.architecture));
    const ranking = async ({ weights }: Model): Promise<number> =>
      (await measure(weights, preferencesInOrder(unseen, sizes, 16))).accuracy;
    return { pairs: unseen.length, sft: await ranking(sft), aligned: await ranking(aligned) };
  })
  .stage('alignedAnswers', ({ config: { maxTokens }, aligned, tokenizer, sums }) =>
    solve(aligned, sums.heldOut, { tokenizer, maxTokens }),
  )
  .stage('reasoning', ({ config, aligned, tokenizer, sums, key, metrics, progress, checkpoints, signal, group }) => {
    const { groupSize, ...numbers } = config.reinforce;
    const problems = (from: readonly ProblemContent[]) =>
      from.map((problem) => ({ prompt: asked(problem), answer: problem.answer.text }));
    return reinforce(aligned, {
      chat: chatOf(tokenizer),
      problems: problems(sums.problems),
      heldOut: problems(sums.heldOut.slice(0, 100)),
      rewards: { correct: exactAnswer() },
      method: grpo({ groupSize }),
      maxTokens: config.maxTokens,
      evaluateEvery: 20,
      warmupSteps: 5,
      ...numbers,
      ...{ key, metrics, progress, checkpoints, signal, group },
    });
  })
  .stage('answers', ({ config: { maxTokens }, reasoning, tokenizer, sums }) =>
    solve(reasoning, sums.heldOut, { tokenizer, maxTokens }),
  )
  .stage('score', ({ sftAnswers, alignedAnswers, answers }) => {
    const right = (of: readonly { readonly right: boolean }[]) => of.map((answer) => answer.right);
    return {
      afterFineTuning: share(right(sftAnswers)),
      afterDpo: share(right(alignedAnswers)),
      afterGrpo: share(right(answers)),
      pValueOfGrpo: mcNemar(right(alignedAnswers), right(answers)).pValue,
    };
  });
