import type { Json } from '../files.js';
import { decoder } from '../model/decoder.js';
import type { Decoder } from '../model/decoder.js';
import type { DecoderOptions } from '../model/decoder-options.js';
import type { ForecastOptions } from '../train/forecast/forecast.js';
import type { StateFormat } from '../train/forecast/optimizer-state.js';
import type { Precision } from '../engine/precision.js';
import type { ScalingMode } from '../train/forecast/scaling.js';
import { planOfExperiment } from './plan-input.js';
import type { PlanOfExperiment } from './plan-input.js';
import { UsageError } from './usage.js';

type Given<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/** What the command line says; undefined where it says nothing. */
export interface PlanArguments {
  readonly file?: string | undefined;
  readonly set: Readonly<Record<string, Json>>;
  readonly sizes: Given<Record<'layers' | 'width' | 'heads' | 'context' | 'vocabularySize', number>>;
  readonly plan: Given<{
    readonly batchSize: number;
    readonly microBatch: number;
    readonly lossChunks: number;
    readonly recompute: boolean;
    readonly precision: Precision;
    readonly optimizerState: StateFormat;
  }>;
  readonly tokens?: number | undefined;
  readonly memory?: number | undefined;
  readonly machine: Given<
    Record<
      'flops' | 'utilization' | 'memoryBandwidth' | 'bandwidth' | 'latency' | 'overlap' | 'disk' | 'restart',
      number
    >
  >;
  readonly mode?: ScalingMode | undefined;
  readonly price?: number | undefined;
  readonly spotDiscount?: number | undefined;
  readonly interruptions?: number | undefined;
}

/** A forecast's arguments, and what they suppose, for the reader: by name, with units. */
export interface Supposed {
  readonly architecture: Decoder;
  readonly options: ForecastOptions;
  readonly assumptions: Readonly<Record<string, string | number>>;
}

/** Of compute-optimal training: Hoffmann 2022 (2203.15556). */
const tokensPerWeight = 20;

/** Where the command line says nothing: 10 Gbit Ethernet, a good disk, five minutes to start again. */
const usual = { bandwidth: 1.25e9, latency: 50e-6, overlap: 0, disk: 5e8, restart: 300, utilization: 0.4 };

/**
 * What a forecast is to suppose: an experiment's model and plan, in which the command line's values stand in place of its own, or these alone; the rate of
 * this machine, unless one is given.
 *
 * @throws UsageError where the training is not described.
 */
export async function supposed(given: PlanArguments): Promise<Supposed> {
  const found = given.file === undefined ? undefined : await planOfExperiment(given.file, given.set);
  const architecture = architectureOf(given.sizes, found);
  const plan = planFor(given, found);
  const { context } = architecture.config;
  const tokens = tokensOf(given, found, architecture, plan.batchSize);
  const rate = await rateOf(given.machine, plan.batchSize * context, architecture.config.width);
  const { bandwidth, latency, overlap, disk, restart } = { ...usual, ...defined(given.machine) };
  const { memoryBandwidth } = given.machine;
  const flopsPerByte = memoryBandwidth === undefined ? 8 : rate.flops / memoryBandwidth;
  const { mode = 'weak', price, spotDiscount = 0, interruptions = 0 } = given;
  const prices =
    price === undefined ? undefined : { pricePerHour: price, spotDiscount, interruptionsPerDay: interruptions };
  return {
    architecture,
    options: {
      ...plan,
      tokens: tokens.number,
      cluster: { flops: rate.flops, bandwidth, latency, overlap },
      mode,
      memory: given.memory,
      flopsPerByte,
      diskBandwidth: disk,
      restartSeconds: restart,
      prices,
    },
    assumptions: {
      'tokens of the training': `${tokens.number.toLocaleString('en')}${tokens.why}`,
      'FLOPs a second of a worker': rate.said,
      'FLOPs in the time of a byte from memory': flopsPerByte,
      'bytes a second between workers': bandwidth,
      'seconds until a message arrives': latency,
      'part of the backward pass that hides the sum of gradients': overlap,
      'sum of gradients': 'ring all-reduce: 2 (n − 1)(latency + bytes/n/bandwidth), 4 bytes a weight',
      'more workers': mode === 'weak' ? 'each has a whole batch (weak scaling)' : 'share each batch (strong scaling)',
      optimizer: 'keeps two numbers a weight (Adam)',
      memory: 'of the compiled step on a CPU, above what the process has after importing the library',
      'bytes a second to checkpoints': disk,
      ...(prices && {
        'price of a worker in an hour': prices.pricePerHour,
        'spot discount': spotDiscount,
        'interruptions of a worker in a day': interruptions,
        'seconds until the training goes on': restart,
        'an interruption': 'stops all workers, at random; time between checkpoints by Daly 2006',
      }),
    },
  };
}

/** @throws UsageError where the model is not described. */
export function architectureOf(sizes: PlanArguments['sizes'], found: PlanOfExperiment | undefined): Decoder {
  const { vocabularySize = found?.vocabularySize, ...given } = sizes;
  const model: Partial<DecoderOptions> = { ...found?.model, ...defined(given) };
  const missing = (['layers', 'width', 'context'] as const).filter((name) => model[name] === undefined);
  const names = [...missing, ...(vocabularySize === undefined ? ['vocabulary'] : [])];
  if (names.length > 0 || vocabularySize === undefined) {
    const file = found === undefined ? 'an experiment, or ' : '';
    throw new UsageError(`the model is not known: give ${file}${names.map((name) => `--${name}`).join(' ')}`);
  }
  const heads = model.heads ?? Math.max(1, Math.floor((model.width ?? 0) / 64));
  return decoder({ ...model, heads, vocabularySize } as DecoderOptions & { vocabularySize: number });
}

type PlanFields = Pick<
  ForecastOptions,
  'batchSize' | 'microBatch' | 'precision' | 'recompute' | 'lossChunks' | 'optimizerState'
>;

/** @throws UsageError without a batch. */
export function planFor({ plan }: Pick<PlanArguments, 'plan'>, found: PlanOfExperiment | undefined): PlanFields {
  const { batchSize, microBatch, precision, recompute, lossChunks } = found?.train ?? {};
  const fields = { batchSize, microBatch, precision, recompute, lossChunks, ...defined(plan) };
  if (fields.batchSize === undefined) throw new UsageError('the batch is not known: give --batch');
  return { ...fields, batchSize: fields.batchSize };
}

function tokensOf(
  { tokens }: PlanArguments,
  found: PlanOfExperiment | undefined,
  { numParameters, config }: Decoder,
  batchSize: number,
): { readonly number: number; readonly why: string } {
  if (tokens !== undefined) return { number: tokens, why: '' };
  const steps = found?.train.steps;
  if (steps !== undefined) return { number: steps * batchSize * config.context, why: ` (${steps} steps)` };
  return { number: tokensPerWeight * numParameters, why: ` (${tokensPerWeight} a weight, Hoffmann 2022)` };
}

/** FLOPs a second that a step reaches: of stated hardware, or by a matrix product measured here. */
async function rateOf(
  { flops, utilization }: PlanArguments['machine'],
  rows: number,
  width: number,
): Promise<{ readonly flops: number; readonly said: string }> {
  if (flops !== undefined) {
    const part = utilization ?? usual.utilization;
    return { flops: flops * part, said: `${(flops / 1e12).toLocaleString('en')}e12 × ${part} utilization` };
  }
  const [{ efficiency, matrixRate }] = await Promise.all([
    import('../train/forecast/estimate.js'),
    import('../engine/backend.js'),
  ]);
  const part = utilization ?? efficiency;
  const measured = await matrixRate(rows, width);
  return { flops: measured * part, said: `${(measured / 1e9).toFixed(0)}e9, measured here, × ${part}` };
}

/** Without the fields that are undefined, so that they do not hide those they are spread over. */
function defined<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}
