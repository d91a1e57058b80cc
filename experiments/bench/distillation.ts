import {
  decoder,
  decoderPolicy,
  distil,
  engineInfo,
  evaluate,
  fromAnswers,
  fromLogits,
  key,
  load,
  pack,
  pretrain,
  splitDocuments,
  startRollouts,
  trainBpe,
  type DecoderOptions,
  type Model,
  type TrainOptions,
} from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { median } from './blocks.js';
import { startModule, withChildren } from './child.js';

/** A type, not an interface, so that it counts as JSON. */
type Recipe = {
  readonly vocabularySize: number;
  readonly teacher: DecoderOptions;
  readonly student: DecoderOptions;
  readonly trainTeacher: TrainOptions;
  /** Of both students. */
  readonly trainStudent: TrainOptions;
  readonly temperature: number;
  readonly crossEntropy: number;
  /** Of an answer, with its prompt's; and answers that are timed of each model, in turn. */
  readonly promptTokens: number;
  readonly answerTokens: number;
  readonly answers: number;
};

const full: Recipe = {
  vocabularySize: 512,
  teacher: { layers: 8, width: 320, heads: 5, context: 128 },
  student: { layers: 2, width: 128, heads: 2, context: 128 },
  trainTeacher: { steps: 260, batchSize: 8, learningRate: 2e-3, warmupSteps: 30 },
  trainStudent: { steps: 300, batchSize: 8, learningRate: 5e-3, warmupSteps: 30 },
  temperature: 1,
  crossEntropy: 0.5,
  promptTokens: 16,
  answerTokens: 96,
  answers: 9,
};
const quick: Recipe = {
  ...full,
  teacher: { layers: 2, width: 32, heads: 2, context: 32 },
  student: { layers: 1, width: 16, heads: 1, context: 32 },
  trainTeacher: { steps: 3, batchSize: 2, learningRate: 1e-3 },
  trainStudent: { steps: 3, batchSize: 2, learningRate: 1e-3 },
  promptTokens: 4,
  answerTokens: 6,
  answers: 3,
};
const recipeOf = (isQuick: boolean): Recipe => (isQuick ? quick : full);

/**
 * What distillation costs and gains: a teacher of 10M parameters, trained here on the text that ships, and two students of about 1/23 of them, with
 * the same steps and rows: one learns the text alone, one also the teacher's logits. The literature's 7B to 300M answers in 0.3 s where
 * the teacher takes 2 s.
 */
export const distillation: Benchmark = {
  name: 'distillation',
  title: 'a teacher and a student of 1/23 of its parameters: time of an answer, held-out bits per byte',
  workload: (isQuick) => ({ ...recipeOf(isQuick), text: 'shakespeare', seed: 1, dtype: 'float32', batch: 1 }),
  run: async ({ quick: isQuick, say }) => {
    const child = startModule(import.meta.url);
    return withChildren([child], async () => {
      say('a teacher, and two students of it');
      const found = await child.ask<Found>('distil', recipeOf(isQuick));
      const { parameters, seconds, bits, training } = found;
      const [teacher, student] = [median(seconds.teacher), median(seconds.student)];
      const between = (all: readonly number[]): [number, number] => [1000 * Math.min(...all), 1000 * Math.max(...all)];
      // Both answer in turn: of each turn one ratio.
      const ratios = seconds.teacher.map((time, turn) => time / (seconds.student[turn] ?? NaN));
      return {
        measurements: [
          { figure: 'parameters of the teacher', value: parameters.teacher },
          { figure: 'parameters of the student', value: parameters.student },
          { figure: 'teacher is larger by', value: parameters.teacher / parameters.student, unit: 'x' },
          { figure: 'an answer of the teacher', value: 1000 * teacher, unit: 'ms', spread: between(seconds.teacher) },
          { figure: 'an answer of the student', value: 1000 * student, unit: 'ms', spread: between(seconds.student) },
          {
            figure: 'student answers faster by',
            value: median(ratios),
            unit: 'x',
            spread: [Math.min(...ratios), Math.max(...ratios)],
            goal: { atLeast: 6.7 },
          },
          { figure: 'held-out text: teacher', value: bits.teacher, unit: 'bits per byte' },
          { figure: 'held-out text: student alone', value: bits.alone, unit: 'bits per byte' },
          { figure: 'held-out text: student distilled', value: bits.distilled, unit: 'bits per byte' },
          { figure: 'training of the teacher', value: training.teacher, unit: 's' },
          { figure: 'training of the student alone', value: training.alone, unit: 's' },
          { figure: 'training of the student distilled', value: training.distilled, unit: 's' },
        ],
      };
    });
  },
};

type Found = {
  readonly parameters: { readonly teacher: number; readonly student: number };
  /** Of each answer, in turn. */
  readonly seconds: { readonly teacher: readonly number[]; readonly student: readonly number[] };
  readonly bits: { readonly teacher: number; readonly alone: number; readonly distilled: number };
  readonly training: { readonly teacher: number; readonly alone: number; readonly distilled: number };
};

export const answers = {
  distil: async (recipe: Recipe): Promise<Found> => {
    engineInfo();
    const { vocabularySize, trainTeacher, trainStudent, temperature, crossEntropy } = recipe;
    const corpus = splitDocuments(await load('shakespeare'), 0.05, key(1));
    const tokenizer = await trainBpe(corpus.train, { vocabularySize });
    const data = pack(corpus.train, tokenizer, recipe.teacher.context);
    const heldOut = pack(corpus.heldOut, tokenizer, recipe.teacher.context);
    const architectures = {
      teacher: decoder({ ...recipe.teacher, vocabularySize: tokenizer.size }),
      student: decoder({ ...recipe.student, vocabularySize: tokenizer.size }),
    };
    const [teacher, ofTeacher] = await timed(() =>
      pretrain(architectures.teacher, { ...trainTeacher, data, key: key(1) }),
    );
    const fresh: Model = { architecture: architectures.student, weights: architectures.student.init(key(2)) };
    const same = { ...trainStudent, beta2: 0.95, weightDecay: 0.1, teacher, data, key: key(3) };
    const [alone, ofAlone] = await timed(() => distil(fresh, { ...same, loss: fromAnswers() }));
    const [distilled, ofDistilled] = await timed(() =>
      distil(fresh, { ...same, loss: fromLogits({ temperature, crossEntropy }) }),
    );
    const bits = async (model: Model): Promise<number> => (await evaluate(model, heldOut)).bitsPerByte;
    return {
      parameters: {
        teacher: architectures.teacher.numParameters,
        student: architectures.student.numParameters,
      },
      seconds: await answerTimes({ teacher, student: distilled }, data.tokens, recipe),
      bits: { teacher: await bits(teacher), alone: await bits(alone), distilled: await bits(distilled) },
      training: { teacher: ofTeacher, alone: ofAlone, distilled: ofDistilled },
    };
  },
};

/** Seconds of greedy answers of one length, one at a time, by teacher and student in turn. */
async function answerTimes(
  models: Readonly<Record<'teacher' | 'student', Model>>,
  tokens: Int32Array,
  { promptTokens, answerTokens, answers: rounds }: Recipe,
): Promise<Found['seconds']> {
  const writer = ({ architecture, weights }: Model): ((turn: number) => Promise<number>) => {
    const plan = { batchSize: 1, maxTokens: answerTokens, stops: [], temperature: 0 };
    const rollouts = startRollouts(decoderPolicy(architecture), plan);
    return async (turn) => {
      const prompt = tokens.slice(turn * promptTokens, (turn + 1) * promptTokens);
      const [, seconds] = await timed(() => rollouts.write(weights, [prompt], key(turn)));
      return seconds;
    };
  };
  const [teacher, student] = [writer(models.teacher), writer(models.student)];
  const seconds = { teacher: [] as number[], student: [] as number[] };
  for (let turn = 0; turn <= rounds; turn++) {
    const [slow, fast] = [await teacher(turn), await student(turn)];
    if (turn === 0) continue; // compiles
    seconds.teacher.push(slow);
    seconds.student.push(fast);
  }
  return seconds;
}

async function timed<R>(task: () => Promise<R>): Promise<[result: R, seconds: number]> {
  const started = performance.now();
  const result = await task();
  return [result, (performance.now() - started) / 1000];
}
