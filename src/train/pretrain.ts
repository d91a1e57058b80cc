import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { Decoder } from '../model/decoder.js';
import { loadModel, writeModel } from '../model/model.js';
import type { Model } from '../model/model.js';
import { parseOptions } from '../model/parse-options.js';
import type { DecoderWeights } from '../model/weights.js';
import type { OnProgress } from '../progress.js';
import { inOrder, loader } from '../tokens/loader.js';
import type { Batch, Loader, LoaderOptions } from '../tokens/loader.js';
import type { Packed } from '../tokens/pack.js';
import { adamw } from './optimizers/adamw.js';
import type { ModelFiles } from './checkpoints/checkpoint.js';
import type { OnTrainEvent } from './event.js';
import { spreadRows } from './held-out.js';
import { causalLanguageModel } from './objectives/causal-language-model.js';
import type { Optimizer } from './optimizers/optimizer.js';
import { reportTo } from './report-to.js';
import { warmupCosine } from './schedules/schedule.js';
import { train } from './train.js';
import type { TrainModelOptions } from './train.js';
import { trainOptions } from './train-options.js';
import type { TrainOptions, TrainPlan } from './train-options.js';

/** What pretraining needs beside the architecture. */
export interface PretrainOptions
  extends
    TrainOptions,
    Pick<TrainModelOptions<Decoder, DecoderWeights, Batch>, 'target' | 'checkpoints' | 'signal' | 'group' | 'energy'> {
  /** Packed rows, each once an epoch; or another way to make batches, such as windows of one long stream. */
  readonly data: Packed | ((options: LoaderOptions) => Loader);
  /** Text that is not trained on; its loss is measured every `evaluateEvery` steps. */
  readonly heldOut?: Packed;
  /** Default: AdamW with warm-up and cosine decay, as the other options say. */
  readonly optimizer?: Optimizer;
  /** Decides the first weights and the order of the rows. */
  readonly key: Key;
  /**
   * Receives a row after each step: `loss` and `heldOutLoss` in nats a token, `learningRate`, `gradientNorm` before clipping,
   * `tokensPerSecond` from the second step on (the first one compiles).
   */
  readonly metrics?: (step: number, values: Record<string, number>) => void;
  readonly progress?: OnProgress;
  readonly on?: OnTrainEvent;
}

/**
 * Trains first weights to predict the next token: `train` with `causalLanguageModel`, AdamW, and rows of packed text.
 *
 * A run that was killed and is started again with the same options and folder ends with the same weights, to the bit, as one
 * that never was (same machine and engine).
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
  const { data, heldOut, key, metrics, progress, on, target, checkpoints, signal, group, energy } = options;
  const given = givenOptions(options);
  checkContext(architecture, data, heldOut);
  const { learningRate, warmupSteps, finalFraction, beta1, beta2, epsilon, weightDecay, clipNorm, ...plan } = given;
  const rate = warmupCosine({ learningRate, warmupSteps, finalFraction, steps: plan.steps });
  const reports = reportTo('pretrain', metrics, progress);
  const measured = heldOut && spreadRows(heldOut, plan.heldOutRows);
  const weights = architecture.init(fold(key, 'weights'));
  return train(
    { architecture, weights },
    {
      objective: causalLanguageModel(),
      data: (loaderOptions) => (typeof data === 'function' ? data(loaderOptions) : loader(data, loaderOptions)),
      optimizer: options.optimizer ?? adamw({ beta1, beta2, epsilon, weightDecay, clipNorm, learningRate: rate }),
      plan,
      key,
      identity: { architecture: { ...architecture.config }, numbers: { epsilon, weightDecay, clipNorm } },
      ...(measured && { heldOut: () => inOrder({ numBytes: 0, ...measured }, plan.batchSize) }),
      on: (event) => {
        reports(event);
        on?.(event);
      },
      files: decoderFiles(architecture),
      target,
      checkpoints,
      signal,
      energy,
      ...(group && { group }),
    },
  );
}

/** Checkpoints of a decoder are whole model folders: `loadModel` and Hugging Face read them. */
export function decoderFiles(architecture: Decoder): ModelFiles<DecoderWeights> {
  return {
    write: (weights, folder, options) => writeModel({ architecture, weights }, folder, options),
    read: async (folder) => (await loadModel(folder)).weights,
  };
}

function givenOptions(options: PretrainOptions): TrainPlan {
  const known = Object.keys(trainOptions.shape);
  const given = Object.fromEntries(Object.entries(options).filter(([name]) => known.includes(name)));
  return parseOptions('pretrain', trainOptions, given, 'trainOptions');
}

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
