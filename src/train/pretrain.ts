import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { canonicalJson, hash } from '../files.js';
import type { Decoder } from '../model/decoder.js';
import type { Model } from '../model/model.js';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import { loader } from '../tokens/loader.js';
import type { Batch, Cursor, Loader, LoaderOptions } from '../tokens/loader.js';
import type { Packed } from '../tokens/pack.js';
import { adamw } from './adamw.js';
import { latestCheckpoint, restore, writeCheckpoint } from './checkpoint.js';
import { heldOutLoss, spreadRows } from './held-out.js';
import type { Optimizer } from './optimizer.js';
import { warmupCosine } from './schedule.js';
import { startTraining } from './step.js';
import type { StepResult, Training, TrainingOptions } from './step.js';
import { trainOptions } from './train-options.js';
import type { TrainOptions, TrainPlan } from './train-options.js';

/** What pretraining needs beside the architecture. */
export interface PretrainOptions extends TrainOptions {
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
  /** What runs the step: XLA fuses and is faster in the long run, the graph executor starts at once. Default: the faster one. */
  readonly target?: TrainingOptions['target'];
  /** A folder for checkpoints. If it has some of this run, training goes on from the newest. */
  readonly checkpoints?: string;
  /** When it aborts, the step that runs is finished, a checkpoint is written, and an `AbortError` is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Trains first weights to predict the next token: `steps` updates of AdamW on the cross-entropy of packed rows.
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
  const { data, heldOut, key, metrics = () => undefined, progress = silent, checkpoints, signal } = options;
  const plan = planOf(options);
  checkContext(architecture, data, heldOut);
  const optimizer = options.optimizer ?? adamw({ ...plan, learningRate: warmupCosine(plan) });
  const batchesFrom = (cursor?: Cursor): Loader => {
    const loaderOptions = { batchSize: plan.batchSize, key: fold(key, 'order'), ...(cursor && { cursor }) };
    return typeof data === 'function' ? data(loaderOptions) : loader(data, loaderOptions);
  };
  const run = runHash(architecture, plan, key, options.target, batchesFrom());
  const found = checkpoints === undefined ? undefined : await latestCheckpoint(checkpoints, architecture, run);
  const training = startTraining(architecture, {
    weights: architecture.init(fold(key, 'weights')),
    optimizer,
    precision: plan.precision,
    target: options.target,
    dropoutKey: architecture.config.dropout > 0 ? fold(key, 'dropout') : undefined,
  });
  try {
    if (found) restore(training, found);
    await loop(training, {
      plan,
      optimizer,
      metrics,
      progress,
      batches: batchesFrom(found?.cursor),
      firstStep: (found?.step ?? 0) + 1,
      measure: heldOutMeasure(architecture, training, plan, heldOut),
      save: async (step, cursor) => {
        if (checkpoints !== undefined)
          await writeCheckpoint(checkpoints, architecture, training, { step, cursor, run });
      },
      signal,
      savedTo: checkpoints,
    });
    return { architecture, weights: training.weights() };
  } finally {
    training.dispose();
  }
}

interface Loop {
  readonly plan: TrainPlan;
  readonly optimizer: Optimizer;
  readonly metrics: (step: number, values: Record<string, number>) => void;
  readonly progress: OnProgress;
  readonly batches: Loader;
  readonly firstStep: number;
  readonly measure: (() => Promise<number>) | undefined;
  readonly save: (step: number, cursor: Cursor) => Promise<void>;
  readonly signal: AbortSignal | undefined;
  readonly savedTo: string | undefined;
}

/** Step, row of metrics, evaluation, checkpoint; the next batch is made while a step runs. */
async function loop(training: Training, options: Loop): Promise<void> {
  const { plan, optimizer, metrics, progress, batches, firstStep, measure, save, signal, savedTo } = options;
  const { steps, evaluateEvery, checkpointEvery } = plan;
  let batch = batches.next();
  let cursor = batches.cursor;
  for (let step = firstStep; step <= steps; step++) {
    const started = performance.now();
    const running = training.step(batch, step);
    const trainedRows = cursor;
    const next = step < steps ? batches.next() : batch;
    const result = await running;
    const seconds = (performance.now() - started) / 1000;
    checkFinite(result, step, batch, trainedRows);
    const tokensPerSecond = (batch.batchSize * batch.context) / seconds;
    const values: Record<string, number> = { ...result, ...rateOf(optimizer, step) };
    if (step > firstStep) values['tokensPerSecond'] = tokensPerSecond;
    if (measure && (step % evaluateEvery === 0 || step === steps)) values['heldOutLoss'] = await measure();
    metrics(step, values);
    const speed = step > firstStep ? `, ${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s` : '';
    progress({ task: 'pretrain', done: step, total: steps, note: `loss ${result.loss.toFixed(3)}${speed}` });
    const interrupted = signal?.aborted === true;
    if (step % checkpointEvery === 0 || interrupted) await save(step, trainedRows);
    if (interrupted && step < steps) throw interruption(step, steps, savedTo);
    batch = next;
    cursor = batches.cursor;
  }
}

function planOf(options: PretrainOptions): TrainPlan {
  const known = Object.keys(trainOptions.shape);
  const given = Object.fromEntries(Object.entries(options).filter(([name]) => known.includes(name)));
  const parsed = trainOptions.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TrainbookError({
    what: `pretrain: ${issue?.path.join('.') ?? 'options'}: ${issue?.message ?? 'not valid'}`,
    received: JSON.stringify(given),
    expected: 'the options that trainOptions describes',
  });
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

/** What decides how a run goes on: architecture, plan, key, target, and the first batch, which stands for data and order. */
function runHash(
  architecture: Decoder,
  plan: TrainPlan,
  key: Key,
  target: PretrainOptions['target'],
  batches: Loader,
): string {
  const first = batches.next();
  const arrays = [first.inputs, first.targets, first.weights, first.documents, first.positions];
  const firstBatch = hash(
    Buffer.concat(
      arrays.flatMap((array) =>
        array === undefined ? [] : [Buffer.from(array.buffer, array.byteOffset, array.byteLength)],
      ),
    ),
  );
  const { evaluateEvery: _evaluate, heldOutRows: _rows, checkpointEvery: _checkpoint, ...deciding } = plan;
  return hash(
    canonicalJson({
      architecture: { ...architecture.config },
      plan: deciding,
      key: [...key.words],
      target: target ?? 'default',
      rows: batches.numRows,
      firstBatch,
    }),
  );
}

function heldOutMeasure(
  architecture: Decoder,
  training: Training,
  plan: TrainPlan,
  heldOut: Packed | undefined,
): (() => Promise<number>) | undefined {
  if (heldOut === undefined) return undefined;
  const measure = heldOutLoss(architecture, plan.batchSize);
  const rows = spreadRows(heldOut, plan.heldOutRows);
  return async () => {
    const weights = training.weights();
    const { nats } = await measure(weights, rows);
    return nats;
  };
}

function rateOf(optimizer: Optimizer, step: number): Record<string, number> {
  const { learningRate } = optimizer.scalars(step);
  return learningRate === undefined ? {} : { learningRate };
}

function checkFinite({ loss, gradientNorm }: StepResult, step: number, batch: Batch, end: Cursor): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  throw new TrainbookError({
    what: `pretrain: at step ${step} the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not a number`,
    received: `loss ${loss}, gradient norm ${gradientNorm}, on the ${batch.batchSize} rows before row ${end.row} of epoch ${end.epoch}`,
    expected: 'finite numbers',
    fix: 'lower learningRate, lengthen warmupSteps, or look at these rows',
  });
}

function interruption(step: number, steps: number, savedTo: string | undefined): DOMException {
  const where =
    savedTo === undefined ? 'nothing was saved, since no folder for checkpoints was given' : `saved in ${savedTo}`;
  return new DOMException(`pretrain: interrupted after step ${step} of ${steps}; ${where}`, 'AbortError');
}
