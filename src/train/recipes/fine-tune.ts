import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import type { Bottleneck, BottleneckAdapter } from '../../model/bottleneck.js';
import type { Lora, LoraAdapter } from '../../model/lora.js';
import type { Model } from '../../model/model.js';
import type { Adapter } from '../../model/peft-folder.js';
import type { PrefixAdapter, PrefixTuning } from '../../model/prefix-tuning.js';
import type { PromptAdapter, PromptTuning } from '../../model/prompt-tuning.js';
import type { CountedAnswers, Chat } from '../../tokens/chat.js';
import type { Order } from '../../tokens/chat-template.js';
import type { AnsweredRow } from '../../tokens/conversation-of.js';
import type { Packed } from '../../tokens/pack.js';
import type { PackExamplesOptions } from '../../tokens/pack-examples.js';
import { treeFiles } from '../checkpoints/tree-files.js';
import { causalLanguageModel } from '../objectives/causal-language-model.js';
import type { TokenPredictor } from '../objectives/token-predictor.js';
import { train } from '../train.js';
import type { Trainable } from '../train.js';
import type { FineTuneCurriculum } from './answered-examples.js';
import { fineTuneData } from './fine-tune-data.js';
import { recipe } from './recipe.js';
import type { RecipeOptions } from './recipe.js';
import { withLora, wholeModel } from './trainee.js';
import type { Trainee } from './trainee.js';

/** Rows of a task, and how much of the training it is. */
export interface FineTuneTask<O extends Order> {
  readonly data: readonly AnsweredRow<O>[];
  /** The tasks' shares add up to 1. */
  readonly share: number;
}

/** What fine-tuning needs beside the model. */
export interface FineTuneOptions<O extends Order> extends RecipeOptions {
  /** The template, bound to the model's tokenizer: what is trained is what is served. */
  readonly chat: Chat<O>;
  /** Conversations, instructions, or several tasks by name. */
  readonly data: readonly AnsweredRow<O>[] | Readonly<Record<string, FineTuneTask<O>>>;
  /** Rows that are not trained on, of the one task or by the names of several: their loss is `heldOutLoss`, and `heldOutLoss.<task>`. */
  readonly heldOut?: readonly AnsweredRow<O>[] | Readonly<Record<string, readonly AnsweredRow<O>[]>>;
  /** Which answers of a conversation are learnt. Default: all. */
  readonly answers?: CountedAnswers;
  /** Text as the model was pretrained on, mixed in against forgetting; 0.1 to 0.2 is usual. The tasks share the rest. */
  readonly pretraining?: { readonly data: Packed; readonly share: number };
  /** Text as in pretraining that is not trained on: its loss, `heldOutLoss.pretraining`, rises by what is forgotten. */
  readonly heldOutText?: Packed;
  /** Predictions of a row. Default: as many as the longest row of data or text has, at most the model's context. */
  readonly context?: number;
  /** What becomes of rows that are longer: see `packExamples`. Cut ones of which no answer is left are refused. Default: all are. */
  readonly unfit?: PackExamplesOptions['unfit'];
  /** Default: `best-fit`, and `none` for prompt tuning, which takes no documents. */
  readonly packing?: PackExamplesOptions['packing'];
  /** Rows from easy to hard. Default: in random order. */
  readonly curriculum?: FineTuneCurriculum<O>;
}

/**
 * Supervised fine-tuning: −Σ w log p(token) / Σ w, where only tokens of answers and their ends count: Ouyang et al. 2022, "InstructGPT"
 * (2203.02155), section 3.5. All weights are trained, or those of a LoRA adapter, which is then merged; its usual learning rate is 5 to 10
 * times that of the whole model (2e-4 against 2e-5).
 *
 * Several tasks, and text of pretraining, stand in the same batches, row by row as their shares say (`interleavedLoader`), and a token
 * of a kind weighs the inverse of how many count in its rows on average: so each kind counts in the loss as its share says, however short
 * its answers are, and any share goes with any batch size. An epoch is every row of the tasks once; text does not prolong it.
 *
 * Each evaluation measures `heldOutLoss` and `heldOutLoss.pretraining`; one before the first step (step 0) says what the model knew.
 *
 * A run that was killed and is started again with the same options and folder ends with the same weights, to the bit.
 *
 * @throws TrainbookError before anything is trained, if there are no rows, shares do not add up to 1, a row is not in the template's order,
 *   longer than the context or without an answer, or the chat is bound to another tokenizer than the model's; and as `train`.
 * @example
 * const tuned = await fineTune(base, {
 *   chat: bind(chatMl, tokenizer),
 *   data: rows,
 *   adapter: lora({ rank: 16, targets: ['q_proj', 'v_proj'] }),
 *   epochs: 3,
 *   batchSize: 16,
 *   learningRate: 2e-4,
 *   key: key(1),
 * });
 */
export async function fineTune<O extends Order>(
  model: Model,
  { adapter, ...options }: FineTuneOptions<O> & { readonly adapter?: Lora },
): Promise<Model> {
  if (adapter === undefined) {
    const trainee = wholeModel(model);
    const weights = await learn('fineTune', model, trainee, options);
    return finished(trainee, weights);
  }
  const trainee = withLora(model, adapter, options.key);
  try {
    return finished(trainee, await learn('fineTune', model, trainee, options, adapter));
  } finally {
    tf.dispose(trainee.trainable.weights);
  }
}

/**
 * The same for any adapter, which is given as it is: prefixes, prompts and bottlenecks cannot be merged into a model, and a
 * LoRA adapter that is kept apart can be switched. A prefix or a prompt takes its virtual tokens of the context.
 *
 * @throws TrainbookError as `fineTune`.
 * @example
 * const adapter = await fineTuneAdapter(base, prefixTuning({ numVirtualTokens: 20 }), { chat, data: rows, epochs: 3, batchSize: 16, learningRate: 1e-2, key });
 * await saveAdapter(adapter, 'my-prefix', base);
 */
export function fineTuneAdapter<O extends Order>(
  model: Model,
  method: Lora,
  options: FineTuneOptions<O>,
): Promise<LoraAdapter>;
export function fineTuneAdapter<O extends Order>(
  model: Model,
  method: PrefixTuning,
  options: FineTuneOptions<O>,
): Promise<PrefixAdapter>;
export function fineTuneAdapter<O extends Order>(
  model: Model,
  method: PromptTuning,
  options: FineTuneOptions<O>,
): Promise<PromptAdapter>;
export function fineTuneAdapter<O extends Order>(
  model: Model,
  method: Bottleneck,
  options: FineTuneOptions<O>,
): Promise<BottleneckAdapter>;
export async function fineTuneAdapter<O extends Order>(
  model: Model,
  method: AnyAdapter['method'],
  options: FineTuneOptions<O>,
): Promise<AnyAdapter> {
  /** Trains first weights, which are given back. */
  const tuned = async <Weights>(
    architecture: TokenPredictor<Weights>,
    weights: Weights,
    { packing = options.packing }: Pick<FineTuneOptions<O>, 'packing'> = {},
  ): Promise<Weights> => {
    const parts = { trainable: { architecture, weights }, files: treeFiles(weights) };
    try {
      return await learn('fineTuneAdapter', model, parts, { ...options, ...(packing && { packing }) }, method);
    } finally {
      tf.dispose(weights as tf.TensorContainer);
    }
  };
  const key = fold(options.key, 'adapter');
  switch (method.kind) {
    case 'lora':
      return { kind: method.kind, method, weights: await tuned(method.adapt(model), method.init(model, key)) };
    case 'bottleneck':
      return { kind: method.kind, method, weights: await tuned(method.adapt(model), method.init(model, key)) };
    case 'prefix':
      return { kind: method.kind, method, weights: await tuned(method.adapt(model), method.init(model, key)) };
    case 'prompt': {
      const first = method.init(model, key);
      return { kind: method.kind, method, weights: await tuned(method.adapt(model), first, { packing: 'none' }) };
    }
  }
}

/** PEFT's adapters, and one that it has no files for. */
type AnyAdapter = Adapter | BottleneckAdapter;

/** The model that trained weights make; they are given up. */
function finished<Weights>(trainee: Trainee<Weights>, weights: Weights): Model {
  try {
    return trainee.model(weights);
  } finally {
    tf.dispose(weights as tf.TensorContainer);
  }
}

/** Trains what there is to train on the answers. */
async function learn<O extends Order, Weights>(
  name: string,
  model: Model,
  { trainable, files }: Pick<Trainee<Weights>, 'trainable' | 'files'>,
  options: FineTuneOptions<O>,
  method?: AnyAdapter['method'],
): Promise<Weights> {
  const { numbers, ...parts } = recipe(name, options);
  const { data, measured, identity } = await fineTuneData(name, model, options, {
    plan: parts.plan,
    virtualTokens: method !== undefined && 'numVirtualTokens' in method.config ? method.config.numVirtualTokens : 0,
  });
  const objective = causalLanguageModel();
  const evaluate = measured(objective(trainable.architecture));
  if (evaluate !== undefined) parts.on({ type: 'evaluation', step: 0, scores: await evaluate(trainable.weights) });
  const trained: Trainable<TokenPredictor<Weights>, Weights> = await train(trainable, {
    ...parts,
    objective,
    data,
    identity: {
      ...identity,
      architecture: { ...model.architecture.config },
      numbers,
      adapter: method === undefined ? null : { ...method.config },
    },
    ...(evaluate && { evaluate }),
    files,
  });
  return trained.weights;
}
