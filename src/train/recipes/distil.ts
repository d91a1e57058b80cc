import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import { flatten, mapTree } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import { weightHash } from '../../model/model.js';
import type { Model } from '../../model/model.js';
import { decoderPolicy } from '../../model/policy.js';
import { startRollouts } from '../../model/rollout.js';
import type { DecoderWeights } from '../../model/weights.js';
import type { Chat } from '../../tokens/chat.js';
import type { Order } from '../../tokens/chat-template.js';
import type { Conversation } from '../../tokens/conversation.js';
import { inOrder, loader } from '../../tokens/loader.js';
import type { Loader, LoaderOptions } from '../../tokens/loader.js';
import type { Packed } from '../../tokens/pack.js';
import { packExamples } from '../../tokens/pack-examples.js';
import type { PackExamplesOptions } from '../../tokens/pack-examples.js';
import { spreadRows } from '../held-out.js';
import { train, trainOnPolicy } from '../train.js';
import type { MakeLesson } from './distillation/lessons.js';
import { onPolicyContext, onPolicyLoader, ownAnswers } from './distillation/own-answers.js';
import type { OnPolicy } from './distillation/own-answers.js';
import { recipe } from './recipe.js';
import type { RecipeOptions } from './recipe.js';

/** What both read: packed text or examples, or another way to make batches; or chats, of which the answers count. */
export type DistilData<O extends Order> =
  | { readonly data: Packed | ((options: LoaderOptions) => Loader); readonly chat?: undefined }
  | {
      readonly data: readonly Conversation<O>[];
      readonly chat: Chat<O>;
      /** What becomes of conversations that do not fit into the student's context: see `packExamples`. */
      readonly unfit?: PackExamplesOptions['unfit'];
    }
  | {
      /** Nothing but what the student writes: `onPolicy` has the share 1. */
      readonly data?: undefined;
      readonly chat?: undefined;
    };

/** What distillation needs beside the student. */
export type DistilOptions<Weights, O extends Order = Order> = RecipeOptions &
  DistilData<O> & {
    readonly teacher: Model;
    /** What is learned of the teacher: `fromLogits(…)`, for instance. */
    readonly loss: MakeLesson<Weights>;
    /** What the student writes itself, to be judged by its teacher. Default: nothing. */
    readonly onPolicy?: OnPolicy;
    /** Text that is not trained on; the loss on it is measured every `evaluateEvery` steps. */
    readonly heldOut?: Packed;
  };

/**
 * Trains a student to say what its teacher says: on text or chats, on answers that the teacher wrote (`writeAnswers`), or on those that
 * the student writes itself. The teacher stays as it is; its weights are there once.
 *
 * A run that was killed and is started again with the same options and folder ends with the same weights, to the bit, as one that
 * never was (same machine and engine).
 *
 * @throws TrainbookError before anything is trained, if teacher and student have other vocabularies, rows are longer than the context of
 *   one, or there is nothing to learn from; and as `train`.
 * @example
 * const student = await distil(takeLayers(teacher, { every: 2 }), {
 *   teacher,
 *   loss: fromLogits({ temperature: 2, crossEntropy: 0.5 }),
 *   data: pack(corpus.train, tokenizer, 128),
 *   steps: 300,
 *   batchSize: 16,
 *   learningRate: 1e-3,
 *   key: key(1),
 * });
 */
export async function distil<Weights, O extends Order = Order>(
  student: Model,
  options: DistilOptions<Weights, O>,
): Promise<Model> {
  const { teacher, onPolicy, heldOut } = options;
  const { numbers, ...parts } = recipe('distil', options);
  const { architecture } = student;
  const { rows, context: ofText } = textOf(student, options);
  const context = Math.max(ofText ?? 0, onPolicy === undefined ? 0 : onPolicyContext(onPolicy));
  checkContexts(student, teacher, Math.max(context, heldOut?.context ?? 0));
  if (onPolicy !== undefined && ofText !== undefined && ofText < context) throw tooShort(ofText, context);
  const lesson = options.loss({ student, teacher, key: fold(parts.key, 'lesson') });
  if (lesson.comparesTokens) checkVocabularies(student, teacher);
  const { heldOutRows, batchSize } = parts.plan;
  const measured = heldOut && spreadRows(heldOut, heldOutRows);
  const { prompts: _, ...policy } = onPolicy ?? { prompts: [] };
  const shared = {
    ...parts,
    objective: lesson.objective,
    files: lesson.files,
    identity: {
      numbers,
      architecture: { ...architecture.config },
      lesson: lesson.identity,
      onPolicy: { ...policy },
      teacher: parts.checkpoints === undefined ? '' : await weightHash(teacher),
    },
    ...(measured && { heldOut: () => inOrder({ numBytes: 0, ...measured }, batchSize) }),
  };
  const trainable = { architecture, weights: lesson.weights };
  if (onPolicy === undefined) {
    if (rows === undefined) throw nothingToLearn();
    return finished(student, lesson, await train(trainable, { ...shared, data: rows }));
  }
  if ((rows === undefined) !== (onPolicy.share === 1)) throw otherShare(onPolicy.share, rows !== undefined);
  const {
    rolloutBatch = Math.max(1, Math.round(onPolicy.share * batchSize)),
    share: _share,
    ...plan
  } = policy as Omit<OnPolicy, 'prompts'>;
  const rollouts = startRollouts(decoderPolicy(architecture), { ...plan, batchSize: rolloutBatch });
  const preparation = ownAnswers<DecoderWeights>(rollouts, { context, key: fold(parts.key, 'answers') });
  try {
    const trained = await trainOnPolicy(trainable, {
      ...shared,
      data: (given) => onPolicyLoader(onPolicy, rows, given),
      preparation: { prepare: (batch, weights, step) => preparation.prepare(batch, lesson.student(weights), step) },
    });
    return finished(student, lesson, trained);
  } finally {
    rollouts.dispose();
  }
}

/** The student with its own of the trained weights, without what was trained beside them. */
function finished<Weights>(
  { architecture, weights: before }: Model,
  lesson: ReturnType<MakeLesson<Weights>>,
  { weights }: { readonly weights: Weights },
): Model {
  const own = mapTree<tf.Tensor, tf.Tensor>(lesson.student(weights), (tensor) => tf.clone(tensor));
  tf.dispose(weights as tf.TensorContainer);
  const given = new Set(flatten<tf.Tensor>(before as Tree<tf.Tensor>).map(({ id }) => id));
  for (const tensor of flatten<tf.Tensor>(lesson.weights as Tree<tf.Tensor>)) {
    if (!given.has(tensor.id)) tensor.dispose();
  }
  return { architecture, weights: own as unknown as DecoderWeights };
}

interface TextRows {
  readonly rows?: (options: LoaderOptions) => Loader;
  /** Predictions of a row, where they are known. */
  readonly context?: number;
}

function textOf<Weights, O extends Order>(student: Model, options: DistilOptions<Weights, O>): TextRows {
  const { data } = options;
  if (data === undefined) return {};
  if (typeof data === 'function') {
    const { context } = data({ batchSize: options.batchSize, key: options.key }).next();
    return { rows: data, context };
  }
  const packed = options.chat === undefined ? (data as Packed) : packChats(student, options);
  return { rows: (given) => loader(packed, given), context: packed.context };
}

function packChats<O extends Order>(
  { architecture: { config } }: Model,
  { data, chat, unfit }: Extract<DistilData<O>, { readonly chat: Chat<O> }>,
): Packed {
  const { size } = chat.tokenizer;
  if (size > config.vocabularySize) {
    throw new TrainbookError({
      what: 'distil: the chat is bound to another tokenizer than the student’s',
      received: `a tokenizer of ${size} tokens`,
      expected: `the one of the student, whose vocabulary has ${config.vocabularySize}`,
      fix: 'bind the template to the tokenizer that the student was made for',
    });
  }
  const examples = data.map((conversation) => chat.example(conversation));
  return packExamples(examples, chat.tokenizer, config.context, unfit && { unfit });
}

function checkVocabularies(student: Model, teacher: Model): void {
  const [own, other] = [student, teacher].map(({ architecture }) => architecture.config.vocabularySize);
  if (own === other) return;
  throw new TrainbookError({
    what: 'distil: teacher and student have different vocabularies, so their predictions cannot be compared',
    received: `${own} tokens of the student`,
    expected: `${other}, as the teacher has`,
    fix: 'make the student with vocabularySize: teacher.architecture.config.vocabularySize, for the teacher’s tokenizer',
  });
}

function checkContexts(student: Model, teacher: Model, context: number): void {
  for (const [who, { architecture }] of Object.entries({ student, teacher })) {
    if (context <= architecture.config.context) continue;
    throw new TrainbookError({
      what: `distil: the rows are longer than the ${who}’s context`,
      received: `${context} tokens`,
      expected: `at most ${architecture.config.context}`,
      fix: 'pack for the shorter of both contexts, or write shorter answers',
    });
  }
}

function tooShort(received: number, expected: number): TrainbookError {
  return new TrainbookError({
    what: 'distil: what the student writes does not fit into rows as long as those of the data',
    received: `rows of ${received} tokens`,
    expected: `at least ${expected}: the longest prompt and onPolicy.maxTokens, without the last token`,
    fix: 'pack the data into longer rows, shorten the prompts, or lower maxTokens',
  });
}

function otherShare(share: number, hasData: boolean): TrainbookError {
  return new TrainbookError({
    what: hasData ? 'distil: no batch has room for the data' : 'distil: a share of the batches has no data',
    received: `onPolicy.share ${share}, ${hasData ? 'and data' : 'no data'}`,
    expected: 'data with a share below 1, or none with a share of 1',
  });
}

function nothingToLearn(): TrainbookError {
  return new TrainbookError({
    what: 'distil: there is nothing to learn from',
    received: 'neither data nor onPolicy',
    expected: 'one of both, or both',
  });
}
