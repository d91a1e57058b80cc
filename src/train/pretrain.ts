import { fold } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { Decoder } from '../model/decoder.js';
import type { Model } from '../model/model.js';
import { inOrder, loader } from '../tokens/loader.js';
import type { Loader, LoaderOptions } from '../tokens/loader.js';
import type { Packed } from '../tokens/pack.js';
import { decoderFiles } from './checkpoints/decoder-files.js';
import { spreadRows } from './held-out.js';
import { causalLanguageModel } from './objectives/causal-language-model.js';
import { recipe } from './recipes/recipe.js';
import type { RecipeOptions } from './recipes/recipe.js';
import { balanceExperts } from './optimizers/balance-experts.js';
import type { Optimizer } from './optimizers/optimizer.js';
import type { InStages } from './start-part.js';
import { train } from './train.js';
import type { TrainingLength } from './train.js';
import { trainOptions } from './train-options.js';
import type { RecipeNumbers, TrainOptions } from './train-options.js';

/** What pretraining needs beside the architecture. */
export interface PretrainOptions extends TrainOptions, Omit<RecipeOptions, keyof RecipeNumbers> {
  /** Packed rows, each once an epoch; or another way to make batches, such as windows of one long stream. */
  readonly data: Packed | ((options: LoaderOptions) => Loader);
  /** Text that is not trained on; its loss is measured every `evaluateEvery` steps. */
  readonly heldOut?: Packed;
  /** Trains it in stages on devices of their own, `microBatch` rows at a time. Default: in one piece. */
  readonly pipeline?: InStages<Model>;
}

/**
 * Trains first weights to predict the next token: `train` with `causalLanguageModel`, AdamW, and rows of packed text.
 *
 * A run that was killed and is started again with the same options and folder ends with the same weights, to the bit, as one
 * that never was (same machine and engine).
 *
 * A decoder with experts has parts in its loss that keep them equally loaded: Switch's balance (0.01) and ST-MoE's router z-loss (0.001);
 * one whose experts are balanced by a bias has none, and its biases move by 0.001 a step instead (`balanceExperts`).
 *
 * @throws TrainbookError if an option is out of range, the loss is not a number, or the checkpoints are another run's;
 *   DOMException `AbortError` if `signal` aborts.
 * @example
 * const model = await pretrain(decoder({ ...config.model, vocabularySize: tokenizer.size }), {
 *   data: pack(corpus.train, tokenizer, config.model.context),
 *   ...config.train,
 *   key,
 * });
 */
export async function pretrain(architecture: Decoder, options: PretrainOptions): Promise<Model> {
  const { data, heldOut, pipeline } = options;
  const { numbers, ...parts } = recipe('pretrain', options, { schema: trainOptions, described: 'trainOptions' });
  checkContext(architecture, data, heldOut);
  const { heldOutRows, batchSize } = parts.plan;
  const measured = heldOut && spreadRows(heldOut, heldOutRows);
  const weights = architecture.init(fold(parts.key, 'weights'));
  const { optimizer } = parts;
  const byBias = architecture.config.experts?.balancedBy === 'bias';
  const balanced = byBias ? {} : expertLoss;
  const withBias = (length: TrainingLength): Optimizer =>
    balanceExperts(typeof optimizer === 'function' ? optimizer(length) : optimizer);
  return train(
    { architecture, weights },
    {
      ...parts,
      ...(byBias && { optimizer: withBias }),
      objective: causalLanguageModel(architecture.config.experts === undefined ? {} : { experts: balanced }),
      data: (loaderOptions) => (typeof data === 'function' ? data(loaderOptions) : loader(data, loaderOptions)),
      identity: { architecture: { ...architecture.config }, numbers },
      ...(measured && { heldOut: () => inOrder({ numBytes: 0, ...measured }, batchSize) }),
      files: decoderFiles(architecture),
      inPlace: true,
      ...(pipeline && { pipeline }),
    },
  );
}

/** As in Switch (Fedus 2021) and ST-MoE (Zoph 2022). */
const expertLoss = { balance: 0.01, routerZ: 0.001 } as const;

function checkContext(architecture: Decoder, data: PretrainOptions['data'], heldOut: Packed | undefined): void {
  const { context } = architecture.config;
  for (const packed of [data, heldOut]) {
    if (packed === undefined || typeof packed === 'function' || packed.context <= context) continue;
    throw new TrainbookError({
      what: 'pretrain: the rows are longer than the model’s context',
      received: `${packed.context} tokens`,
      expected: `at most ${context}`,
      fix: 'pack with config.model.context',
    });
  }
}
