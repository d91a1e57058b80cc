import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import type { EncoderModel } from '../../model/encoder-model.js';
import type { Decoder } from '../../model/decoder.js';
import type { Lora, LoraWeights } from '../../model/lora.js';
import { mergeLora } from '../../model/lora-merge.js';
import type { Model } from '../../model/model.js';
import { rewardModel } from '../../model/reward-model.js';
import type {
  RewardArchitecture,
  RewardModel,
  RewardModelOptions,
  RewardModelWeights,
} from '../../model/reward-model.js';
import type { DecoderWeights } from '../../model/weights.js';
import { checkRankings, rankedInOrder, rankedLoader, rankedPair } from '../../tokens/preference/ranked-answers.js';
import type { RankedAnswers } from '../../tokens/preference/ranked-answers.js';
import type { PreferencePair } from '../../tokens/preference/preference-pair.js';
import { treeFiles } from '../checkpoints/tree-files.js';
import { rankedBradleyTerry } from '../objectives/preference/ranked-bradley-terry.js';
import type { RewardReader } from '../objectives/preference/ranked-bradley-terry.js';
import { train } from '../train.js';
import type { Trainable } from '../train.js';
import { recipe } from './recipe.js';
import type { RecipeOptions, RecipeParts } from './recipe.js';

/** What is to be judged: pairs, all of them or by dimension, or rankings of several answers. */
export interface Judgements {
  /** Two answers each: a list is of the first dimension. */
  readonly pairs?: readonly PreferencePair[] | Readonly<Record<string, readonly PreferencePair[]>>;
  /** Two or more answers each, ranked in one dimension or several: see `rankedAnswers`. */
  readonly rankings?: readonly RankedAnswers[];
}

/** What training a reward model needs beside the trunk. */
export interface TrainRewardModelOptions extends RecipeOptions, Judgements, RewardModelOptions {
  /** Judgements that are not trained on, best of other prompts: they are measured every `evaluateEvery` steps. */
  readonly heldOut?: Judgements;
  /** c in c (r + r′)², which keeps rewards around 0; 0.01 is usual. Default: 0. */
  readonly centring?: number;
  /** Trains an adapter beside the trunk, with the heads; it is merged in the end. Default: all weights. */
  readonly adapter?: Lora;
}

/**
 * Trains a trunk, with a head for each dimension on its last token, to give better answers a higher reward: `rankedBradleyTerry`. Ouyang
 * 2022, "InstructGPT" (2203.02155). The trunk is a language model, best one that was fine-tuned on such dialogues, or an encoder.
 *
 * Metrics: `accuracy`, `margin`, `chosenReward`, `rejectedReward`, `accuracy.<dimension>` where there are several; of the held-out
 * judgements evaluations give them as `heldOut.accuracy` and so on.
 *
 * @throws TrainbookError before training if nothing is judged, an answer is empty or does not fit into the context, a dimension is not
 *   listed, or an option is out of range; and as `train`.
 * @example
 * const judge = await trainRewardModel(sft, {
 *   rankings: rankedAnswers(chat, rows),
 *   dimensions: { factuality: 0.5, safety: 0.3, fluency: 0.2 },
 *   epochs: 1, batchSize: 16, learningRate: 1e-5, key: key(1),
 * });
 */
export async function trainRewardModel(
  trunk: Model | EncoderModel,
  options: TrainRewardModelOptions,
): Promise<RewardModel> {
  const { dimensions, pooling, adapter } = options;
  const architecture = rewardModel(trunk.architecture, {
    ...(dimensions && { dimensions }),
    ...(pooling && { pooling }),
  });
  const lesson = lessonOf(architecture, options);
  const { key } = options;
  const heads = architecture.initHeads(fold(key, 'heads'));
  try {
    if (adapter === undefined) {
      const start = { architecture, weights: { trunk: trunk.weights, heads } };
      return { architecture, weights: await learn(start, lesson, null) };
    }
    const model = decoderOf(trunk);
    const adapted = { adapter: adapter.init(model, fold(key, 'adapter')), heads };
    const start = { architecture: withAdapter(architecture, model.weights, adapter), weights: adapted };
    const weights = await learn(start, lesson, { ...adapter.config });
    const merged = mergeLora(model, { kind: 'lora', method: adapter, weights: weights.adapter });
    tf.dispose([adapted.adapter, weights.adapter]);
    return { architecture, weights: { trunk: merged.weights, heads: weights.heads } };
  } finally {
    tf.dispose(heads);
  }
}

/** What is learned, whichever weights learn it. */
interface Lesson {
  readonly parts: RecipeParts;
  readonly rankings: readonly RankedAnswers[];
  readonly heldOut: readonly RankedAnswers[] | undefined;
  readonly sizes: { readonly context: number; readonly padding: number; readonly dimensions: readonly string[] };
  readonly centring: number;
  readonly identity: Json;
}

function lessonOf({ config, dimensions, trunk }: RewardArchitecture, options: TrainRewardModelOptions): Lesson {
  const parts = recipe('trainRewardModel', options);
  const { context } = trunk.config;
  const fitting = (what: string, given: Judgements): readonly RankedAnswers[] => {
    const rankings = rankingsOf(given, dimensions);
    checkRankings(what, rankings, { context, dimensions });
    return rankings;
  };
  const rankings = fitting('trainRewardModel', options);
  const heldOut = options.heldOut && fitting('trainRewardModel: heldOut', options.heldOut);
  const longest = [...rankings, ...(heldOut ?? [])].reduce((most, one) => Math.max(most, rankingLength(one)), 0);
  const { centring = 0 } = options;
  return {
    parts,
    rankings,
    heldOut,
    sizes: { context: Math.min(Math.ceil(longest / 8) * 8, context), padding: 0, dimensions },
    centring,
    identity: { config, centring, numbers: parts.numbers },
  };
}

/** Rankings, and pairs as such. */
function rankingsOf(
  { pairs = [], rankings = [] }: Judgements,
  dimensions: readonly string[],
): readonly RankedAnswers[] {
  const [first = ''] = dimensions;
  const byDimension = isList(pairs) ? { [first]: pairs } : pairs;
  const ofPairs = Object.entries(byDimension).flatMap(([name, some]) => some.map((pair) => rankedPair(pair, name)));
  return [...rankings, ...ofPairs];
}

function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

function rankingLength({ prompt, answers }: RankedAnswers): number {
  return prompt.length + answers.reduce((most, { length }) => Math.max(most, length), 0);
}

async function learn<Weights>(
  start: Trainable<RewardReader<Weights>, Weights>,
  { parts: { numbers: _inIdentity, ...parts }, rankings, heldOut, sizes, centring, identity }: Lesson,
  adapter: Json,
): Promise<Weights> {
  const { batchSize } = parts.plan;
  const { weights } = await train(start, {
    ...parts,
    objective: rankedBradleyTerry({ centring }),
    data: (loaderOptions) => rankedLoader(rankings, sizes, loaderOptions),
    ...(heldOut && { heldOut: () => rankedInOrder(heldOut, sizes, batchSize) }),
    files: treeFiles(start.weights),
    identity: { reward: identity, adapter },
  });
  return weights;
}

interface AdaptedWeights {
  readonly adapter: LoraWeights;
  readonly heads: RewardModelWeights['heads'];
}

/** A reward model as a function of an adapter's weights and the heads': the trunk's own stay. */
function withAdapter(
  architecture: RewardArchitecture,
  trunk: DecoderWeights,
  method: Lora,
): RewardReader<AdaptedWeights> {
  return {
    dimensions: architecture.dimensions,
    forward: ({ adapter, heads }, inputs, reading = {}) => {
      const applied = method.apply(trunk, adapter, { dropoutKey: reading.dropoutKey });
      return architecture.forward({ trunk: applied, heads }, inputs, reading);
    },
  };
}

function decoderOf(trunk: Model | EncoderModel): Model {
  const { architecture, weights } = trunk as { architecture: Decoder | EncoderModel['architecture']; weights: unknown };
  if (architecture.kind === 'decoder') return { architecture, weights: weights as DecoderWeights };
  throw new TrainbookError({
    what: 'trainRewardModel: an encoder has no adapter',
    received: 'adapter, with an encoder as the trunk',
    expected: 'a decoder as the trunk, or no adapter',
  });
}
