/**
 * MiniLM: what a teacher's last layer relates, taught to a student of less than a fifth of its size, before it learns to predict. A GPT is
 * pretrained on real text; the student learns the relations of its queries, keys and values (MiniLMv2: Wang 2020, 2012.15828), and then, for
 * the rest of its steps, the text itself. Beside it, with as many steps: a student that learns the text alone, and one that learns the
 * teacher's logits. About three minutes on two cores: `npx trainbook run experiments/minilm.ts`.
 */
import { z } from 'zod';
import {
  bpeOptions,
  decoder,
  decoderOptions,
  deduplicate,
  distil,
  evaluate,
  experiment,
  fold,
  fraction,
  fromAnswers,
  fromLogits,
  fromRelations,
  load,
  mix,
  normalise,
  pack,
  pretrain,
  shares,
  splitDocuments,
  trainBpe,
  trainOptions,
  type Model,
  type SplitCorpus,
  type Tokenizer,
} from 'trainbook';

const schema = z.strictObject({
  data: z.strictObject({ shares: shares(['shakespeare', 'brown']), heldOut: fraction() }),
  tokenizer: bpeOptions,
  teacher: decoderOptions,
  student: decoderOptions,
  train: trainOptions,
  distil: z.strictObject({
    train: trainOptions,
    relationSteps: z.int().positive().describe('of these steps, those in which relations are learned'),
    heads: z.int().positive().describe('relation heads; divides the width of teacher and student'),
    logits: z.strictObject({ temperature: z.number().positive(), crossEntropy: z.number().min(0).lt(1) }),
  }),
});

export default experiment('minilm', schema, {
  data: { shares: { shakespeare: 0.6, brown: 0.4 }, heldOut: 0.1 },
  tokenizer: { vocabularySize: 1024 },
  teacher: { layers: 3, width: 192, heads: 3, context: 128 },
  student: { layers: 2, width: 96, heads: 2, context: 128 },
  train: { steps: 240, batchSize: 16, learningRate: 3e-3, warmupSteps: 30, evaluateEvery: 120, heldOutRows: 64 },
  distil: {
    train: { steps: 160, batchSize: 16, learningRate: 4e-3, warmupSteps: 20, evaluateEvery: 80, heldOutRows: 64 },
    ...{ relationSteps: 60, heads: 12 },
    logits: { temperature: 1, crossEntropy: 0.5 },
  },
})
  .stage('corpus', async ({ config: { data }, key }) => {
    const steps = [normalise(), deduplicate({ threshold: 0.9 }), mix({ shares: data.shares, key: fold(key, 'mix') })];
    return splitDocuments(await load(data).through(...steps), data.heldOut, fold(key, 'split'));
  })
  .stage('tokenizer', ({ config, corpus, progress }) => trainBpe(corpus.train, config.tokenizer, progress))
  .stage('teacher', ({ config, corpus, tokenizer, key, metrics, progress, checkpoints, signal, group }) =>
    pretrain(decoder({ ...config.teacher, vocabularySize: tokenizer.size }), {
      ...rowsOf(corpus, tokenizer, config.teacher),
      ...config.train,
      ...{ key, metrics, progress, checkpoints, signal, group },
    }),
  )
  .stage('fresh', ({ config, tokenizer, key }): Model => {
    const architecture = decoder({ ...config.student, vocabularySize: tokenizer.size });
    return { architecture, weights: architecture.init(fold(key, 'weights')) };
  })
  // The student alone: the text, and nothing of the teacher.
  .stage('alone', ({ config, corpus, tokenizer, teacher, fresh, key, metrics, progress, checkpoints, signal, group }) =>
    distil(fresh, {
      ...rowsOf(corpus, tokenizer, config.student),
      ...config.distil.train,
      teacher,
      loss: fromAnswers(),
      ...{ key, metrics, progress, checkpoints, signal, group },
    }),
  )
  .stage(
    'related',
    ({ config, corpus, tokenizer, teacher, fresh, key, metrics, progress, checkpoints, signal, group }) =>
      distil(fresh, {
        ...rowsOf(corpus, tokenizer, config.student),
        ...config.distil.train,
        steps: config.distil.relationSteps,
        teacher,
        loss: fromRelations({ heads: config.distil.heads }),
        ...{ key, metrics, progress, checkpoints, signal, group },
      }),
  )
  .stage(
    'minilm',
    ({ config, corpus, tokenizer, teacher, related, key, metrics, progress, checkpoints, signal, group }) =>
      distil(related, {
        ...rowsOf(corpus, tokenizer, config.student),
        ...config.distil.train,
        steps: config.distil.train.steps - config.distil.relationSteps,
        teacher,
        loss: fromAnswers(),
        ...{ key, metrics, progress, checkpoints, signal, group },
      }),
  )
  .stage(
    'logits',
    ({ config, corpus, tokenizer, teacher, fresh, key, metrics, progress, checkpoints, signal, group }) =>
      distil(fresh, {
        ...rowsOf(corpus, tokenizer, config.student),
        ...config.distil.train,
        teacher,
        loss: fromLogits(config.distil.logits),
        ...{ key, metrics, progress, checkpoints, signal, group },
      }),
  )
  .stage('score', async ({ corpus, tokenizer, teacher, alone, minilm, logits, progress }) => {
    const models = { teacher, 'student alone': alone, 'student by MiniLM': minilm, 'student by logits': logits };
    const rows: Score[] = [];
    for (const [model, { architecture, weights }] of Object.entries(models)) {
      const heldOut = pack(corpus.heldOut, tokenizer, architecture.config.context);
      const { bitsPerByte } = await evaluate({ architecture, weights }, heldOut, { progress });
      rows.push({ model, parameters: architecture.numParameters, bitsPerByte });
    }
    return rows;
  });

/** A row of the table. A type, not an interface, so that it counts as JSON. */
type Score = { readonly model: string; readonly parameters: number; readonly bitsPerByte: number };

/** The rows that all students see. */
function rowsOf({ train, heldOut }: SplitCorpus, tokenizer: Tokenizer, { context }: { readonly context: number }) {
  return { data: pack(train, tokenizer, context), heldOut: pack(heldOut, tokenizer, context) };
}
