import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';
import { trainingCost } from './cost-of-training.js';
import type { Prices, TrainingCost } from './cost-of-training.js';
import { fitPlan } from './fit-plan.js';
import type { FittedPlan } from './fit-plan.js';
import { scaling, scalingFigure } from './scaling.js';
import type { Cluster, ScalingMode, ScalingRow } from './scaling.js';
import { stepFlops, stepWork } from './step-flops.js';
import type { Planned } from './step-flops.js';
import { trainingMemory } from './training-memory.js';
import type { TrainingMemory, TrainingMemoryOptions } from './training-memory.js';

/** What a forecast supposes. */
export interface ForecastOptions extends Omit<TrainingMemoryOptions, 'workers'> {
  /** Tokens of the whole training. */
  readonly tokens: number;
  /** What computes, and what joins the workers. */
  readonly cluster: Cluster;
  /** Whether more workers mean larger batches, or parts of the same ones. Default: weak. */
  readonly mode?: ScalingMode;
  /** Bytes that a process may have: the plan is then made to fit. */
  readonly memory?: number | undefined;
  /** See `stepWork`. Default: 8. */
  readonly flopsPerByte?: number | undefined;
  /** Bytes a second to where checkpoints are kept. */
  readonly diskBandwidth: number;
  /** Seconds from an interruption until the training goes on. */
  readonly restartSeconds: number;
  readonly prices?: Prices | undefined;
}

/** A training on a number of workers, from its first step to its last. */
export interface ForecastRow extends ScalingRow {
  readonly steps: number;
  /** Of the whole training, without interruptions. */
  readonly seconds: number;
  readonly cost?: TrainingCost;
}

/** What a training will take. */
export interface Forecast {
  readonly numParameters: number;
  /** Of a worker, with the plan as it was made to fit. */
  readonly memory: TrainingMemory;
  /** Where a memory was given. */
  readonly fitted?: FittedPlan;
  /** Floating-point operations. */
  readonly flops: { readonly step: number; readonly total: number };
  /** Bytes. `reduced`: what each of 1,024 workers, or the most there can be, sends in a step. */
  readonly bytes: { readonly gradients: number; readonly reduced: number; readonly checkpoint: number };
  readonly checkpointSeconds: number;
  readonly rows: readonly ForecastRow[];
  readonly figure: Figure;
}

/**
 * What a training will take, before it runs: memory, floating-point operations, bytes moved, the time of a step and of all, on 1 to 1,024 workers,
 * and what it costs.
 *
 * @throws TrainbookError if a number is out of range, or the training does not fit into the memory given.
 * @example
 * forecast(gpt2('small'), {
 *   batchSize: 32,
 *   tokens: 2.5e9,
 *   cluster: { flops: 1.2e14, bandwidth: 25e9, latency: 20e-6 },
 *   diskBandwidth: 5e8,
 *   restartSeconds: 300,
 * });
 */
export function forecast(architecture: Planned, options: ForecastOptions): Forecast {
  const { cluster, mode = 'weak', tokens, prices, diskBandwidth, restartSeconds } = options;
  if (!(tokens > 0)) throw notPositive('tokens', tokens);
  if (!(diskBandwidth > 0)) throw notPositive('diskBandwidth', diskBandwidth);
  const { memory, flopsPerByte } = options;
  const fitted = memory === undefined ? undefined : fitPlan(architecture, options, { memory, flopsPerByte });
  const plan = { ...options, ...fitted?.settings };
  const { numParameters, config } = architecture;
  const { batchSize, length = config.context, stateSize = 2 * numParameters } = plan;
  const gradients = 4 * numParameters;
  const checkpoint = 4 * (numParameters + stateSize);
  const checkpointSeconds = checkpoint / diskBandwidth;
  const flops = stepFlops(architecture, plan);
  const step = {
    flops: stepWork(architecture, plan, flopsPerByte),
    gradientBytes: gradients,
    tokens: batchSize * length,
  };
  const rows = scaling(step, cluster, { mode, rows: batchSize }).map((row): ForecastRow => {
    const tokensOfStep = step.tokens * (mode === 'weak' ? row.workers : 1);
    const steps = Math.ceil(tokens / tokensOfStep);
    const seconds = steps * row.stepSeconds;
    const cost = prices && trainingCost(seconds, row.workers, { checkpointSeconds, restartSeconds }, prices);
    return { ...row, steps, seconds, ...(cost && { cost }) };
  });
  return {
    numParameters,
    memory: fitted?.memory ?? trainingMemory(architecture, plan),
    ...(fitted && { fitted }),
    flops: { step: flops, total: flops * (tokens / step.tokens) },
    bytes: { gradients, reduced: rows.at(-1)?.bytesMoved ?? 0, checkpoint },
    checkpointSeconds,
    rows,
    figure: scalingFigure(rows, `${mode} scaling, by the model of a ring all-reduce`),
  };
}

function notPositive(name: string, received: number): TrainbookError {
  return new TrainbookError({ what: `forecast: ${name} must be positive`, received, expected: 'a number > 0' });
}
