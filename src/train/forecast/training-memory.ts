import { mostPairs } from '../../engine/random.js';
import { flatten } from '../../engine/tree.js';
import { countParameters } from '../../model/cost.js';
import type { WeightSpec } from '../../model/weights.js';
import { bytesOfState } from './optimizer-state.js';
import type { StateFormat } from './optimizer-state.js';
import type { PlanOptions } from '../plan.js';
import type { Planned } from './step-flops.js';
import { fullestMoment } from './step-memory.js';
import type { Moment, PassingPart } from './step-memory.js';

/** What decides the memory of a training: fields of its plan, and what the plan does not know. */
export interface TrainingMemoryOptions extends Pick<
  PlanOptions,
  'batchSize' | 'microBatch' | 'precision' | 'recompute' | 'lossChunks'
> {
  /** Default: float32. */
  readonly optimizerState?: StateFormat | undefined;
  /** Numbers that the optimizer keeps: see `optimizerStateSize`. Default: two a weight, as Adam does. */
  readonly stateSize?: number | undefined;
  /** Tokens of a row. Default: the model's context. */
  readonly length?: number | undefined;
  /** Numbers that the loss is computed from for each token. Default: a decoder's vocabulary, 0 for an encoder. */
  readonly outputs?: number | undefined;
  /** Processes that share each batch. Default: 1. */
  readonly workers?: number | undefined;
  /** Whether the first weights are drawn for this training, as `pretrain` does; those of a given model stay beside it. Default: true. */
  readonly drawn?: boolean | undefined;
}

/** What the memory is for. */
export type MemoryPart =
  'weights' | 'given model' | 'optimizer state' | 'drawing the first weights' | 'program' | 'compiling' | PassingPart;

/** The memory of a process that trains, in its first step, above what it has after importing the library, in bytes. */
export interface TrainingMemory {
  readonly total: number;
  /** By part, at the fullest moment of a step. */
  readonly parts: Readonly<Record<MemoryPart, number>>;
  /** When a step is fullest. */
  readonly moment: Moment;
}

/*
 * The library's own memory, measured on steps of models of a few thousand weights (Linux, libtensorflow 2.21): 60 MB of the library's pages
 * that tracing and compiling touch first, 40 MB of heap, and 6 MB a block of traces and compiled code.
 */
const programBytes = { fixed: 100e6, perBlock: 6e6 };

/** What XLA's compiler leaves in the heap until the first step is done. Measured: 100 to 220 MB, little of it by the size of the model. */
const compilingBytes = 180e6;

/**
 * Drawing a matrix computes in float64 (`normal`), `mostPairs` at a time, and TensorFlow keeps the space; a step's buffers reuse a
 * part of it. Measured: 20 to 80 bytes a number are left over.
 */
const drawingBytes = 60;

/**
 * What memory a training takes, from the model's own counts, before anything runs: weights and optimizer state, by the number of weights;
 * and what comes and goes within a step, at its fullest moment (`step-memory.ts`).
 *
 * It is of the compiled step of one process (XLA on the CPU): within 20% of the peak that `npx trainbook bench training-memory` measures.
 *
 * @throws TrainbookError if rows do not part evenly.
 * @example
 * trainingMemory(architecture, { batchSize: 8 }).total / 1e6; // MB
 */
export function trainingMemory(architecture: Planned, options: TrainingMemoryOptions): TrainingMemory {
  const { specs } = architecture;
  const numWeights = countParameters(specs);
  const { optimizerState = 'float32', stateSize = 2 * numWeights, drawn = true } = options;
  const largest = Math.max(...flatten<WeightSpec>(specs).map((spec) => countParameters(spec)));
  const lasting = {
    weights: 4 * numWeights,
    'given model': drawn ? 0 : 4 * numWeights, // it stays as it is, unless it is trained `inPlace`
    'optimizer state': bytesOfState[optimizerState] * stateSize,
    'drawing the first weights': drawn ? drawingBytes * Math.min(largest, 2 * mostPairs) : 0,
    program: programBytes.fixed + programBytes.perBlock * architecture.config.layers,
    compiling: compilingBytes,
  };
  const { moment, parts: passing } = fullestMoment(architecture, options);
  const parts = { ...lasting, ...passing };
  return { total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0), parts, moment };
}
