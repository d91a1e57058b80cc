/**
 * The life of a small Qwen: pretraining → fine-tuning → DPO → GRPO, sized by one dial. It learns to read from text that ships, to answer and
 * to compute sums step by step from examples, to prefer its right answers to its wrong ones, and then from what its own answers earn.
 *
 *     npx trainbook run experiments/mini-qwen.ts                            # depth 4: about 20 minutes on two cores
 *     npx trainbook run experiments/mini-qwen.ts --to plan --set depth=24   # what a run of the 1B class would take
 *     npx trainbook launch --processes 2 experiments/mini-qwen.ts
 */
import { z } from 'zod';
import {
  arithmeticProblems,
  bind,
  chatMl,
  conversation,
  decoderPolicy,
  deduplicate,
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
  startRollouts,
  trainBpe,
} from 'trainbook';
import type { Chat, Key, Model, ProblemContent, SystemUserAssistant, Tokenizer } from 'trainbook';

const schema = z.strictObject({
  depth: z.int().min(1).describe('layers; the sizes, the vocabulary and the tokens of pretraining follow from it'),
  data: z.strictObject({ shares: shares(['brown', 'c4_demo', 'shakespeare']), heldOut: fraction() }),
  sums: z.strictObject({
    terms: z.int().min(2).describe('numbers of a sum'),
    largest: z.int().positive().describe('the largest of them'),
    fineTune: z.int().positive().describe('sums with their solutions to learn from'),
    reinforce: z.int().positive().describe('sums without, to try'),
    heldOut: z.int().positive(),
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
  const tokensPerWeight = Math.min(20, 0.4 * (depth / 4) ** 2.2);
  const tokens = tokensPerWeight * architecture.numParameters;
  const steps = Math.ceil(tokens / (batchSize * architecture.config.context));
  return { architecture, vocabularySize, batchSize, tokens, steps, learningRate: 6e-3 / depth };
}

/** A sum as it is asked, and as it is answered. */
const asked = (problem: ProblemContent) => question(chatMl, [{ role: 'user', content: problem.question }]);
const solution = (problem: ProblemContent): string => `${problem.solution}\n#### ${problem.answer.text}`;
const solved = (problem: ProblemContent) =>
  conversation(chatMl, [
    { role: 'user', content: problem.question },
    { role: 'assistant', content: solution(problem) },
  ]);

interface Solving {
  readonly chat: Chat<SystemUserAssistant>;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly key: Key;
}

/** A model's answer to each problem, and whether it is right. */
async function solve(model: Model, problems: readonly ProblemContent[], { chat, key, ...choice }: Solving) {
  const rollouts = startRollouts(decoderPolicy(model.architecture), { batchSize: 64, stops: chat.stops, ...choice });
  const written = await rollouts.write(
    model.weights,
    problems.map((problem) => chat.prompt(asked(problem))),
    key,
  );
  rollouts.dispose();
  const isRight = exactAnswer();
  return problems.map(({ question: prompt, answer }, place) => {
    const completion = chat.tokenizer.decode([...(written[place]?.tokens ?? [])]).replace('<|im_end|>', '');
    return { prompt, completion, right: isRight({ prompt, completion, answer: answer.text }) === 1 };
  });
}

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

const shareOf = (answers: readonly { readonly right: boolean }[]): number =>
  answers.filter(({ right }) => right).length / answers.length;

export default experiment('mini-qwen', schema, {
  depth: 4,
  data: { shares: { brown: 0.5, c4_demo: 0.3, shakespeare: 0.2 }, heldOut: 0.05 },
  sums: { terms: 3, largest: 15, fineTune: 5_000, reinforce: 2_500, heldOut: 300 },
  maxTokens: 40,
  fineTune: { epochs: 2, learningRate: 1e-3 },
  prefer: { prompts: 800, learningRate: 2e-5 },
  reinforce: { steps: 80, batchSize: 32, groupSize: 8, learningRate: 3e-5 },
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
    const { terms, largest } = sums;
    const count = sums.fineTune + sums.reinforce + sums.heldOut;
    const all = arithmeticProblems({ count, terms, largest, key });
    const others = all.slice(sums.heldOut);
    return {
      heldOut: all.slice(0, sums.heldOut),
      fineTune: others.slice(0, sums.fineTune),
      reinforce: others.slice(sums.fineTune),
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
      data: sums.fineTune.map(solved),
      heldOut: sums.heldOut.map(solved),
      pretraining: { data: pack(corpus.train, tokenizer, context), share: 0.1 },
      heldOutText: pack(corpus.heldOut, tokenizer, context),
      ...config.fineTune,
      batchSize: 4 * config.depth,
      warmupSteps: 20,
      ...{ key, metrics, progress, checkpoints, signal, group },
    });
  })
  .stage('sftAnswers', ({ config: { maxTokens }, sft, tokenizer, sums, key }) =>
    solve(sft, sums.heldOut, { chat: chatOf(tokenizer), maxTokens, temperature: 0, key }),
  )
  .stage('sftScore', ({ sftAnswers }) => ({ exactMatch: shareOf(sftAnswers) }))
  // The right solution against what it wrote itself, where that is wrong: Chen 2024, "SPIN" (2401.01335).
  .stage(
    'pairs',
    async ({
      config: {
        maxTokens,
        prefer: { prompts },
      },
      sft,
      tokenizer,
      sums,
      key,
    }) => {
      const tried = sums.reinforce.slice(0, prompts);
      const answers = await solve(sft, tried, { chat: chatOf(tokenizer), maxTokens, temperature: 1, key });
      return tried.flatMap((problem, place) => {
        const own = answers[place];
        if (own === undefined || own.right) return [];
        return [{ question: problem.question, chosen: solution(problem), rejected: own.completion }];
      });
    },
  )
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
  .stage('alignedAnswers', ({ config: { maxTokens }, aligned, tokenizer, sums, key }) =>
    solve(aligned, sums.heldOut, { chat: chatOf(tokenizer), maxTokens, temperature: 0, key }),
  )
  .stage('reasoning', ({ config, aligned, tokenizer, sums, key, metrics, progress, checkpoints, signal, group }) => {
    const { groupSize, ...numbers } = config.reinforce;
    const problems = (from: readonly ProblemContent[]) =>
      from.map((problem) => ({ prompt: asked(problem), answer: problem.answer.text }));
    return reinforce(aligned, {
      chat: chatOf(tokenizer),
      problems: problems(sums.reinforce),
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
  .stage('answers', ({ config: { maxTokens }, reasoning, tokenizer, sums, key }) =>
    solve(reasoning, sums.heldOut, { chat: chatOf(tokenizer), maxTokens, temperature: 0, key }),
  )
  .stage('score', ({ sftAnswers, alignedAnswers, answers }) => {
    const right = (of: readonly { readonly right: boolean }[]) => of.map((answer) => answer.right);
    return {
      afterFineTuning: shareOf(sftAnswers),
      afterDpo: shareOf(alignedAnswers),
      afterGrpo: shareOf(answers),
      pValueOfGrpo: mcNemar(right(alignedAnswers), right(answers)).pValue,
    };
  });
