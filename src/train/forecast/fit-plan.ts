import { TrainbookError } from '../../error.js';
import type { StateFormat } from './optimizer-state.js';
import { rowsOfEach } from '../rows-of-each.js';
import { stepWork } from './step-flops.js';
import type { Planned } from './step-flops.js';
import { trainingMemory } from './training-memory.js';
import type { TrainingMemory, TrainingMemoryOptions } from './training-memory.js';

/** The fields of a plan that change what a step takes, and not what it computes, but for rounding. */
export interface MemorySettings {
  readonly microBatch?: number | undefined;
  readonly lossChunks: number;
  readonly recompute: boolean;
  readonly optimizerState: StateFormat;
}

/** What to fit into, and what the machine is like. */
export interface FitOptions {
  /** Bytes that a process may have, above what it has after importing the library. */
  readonly memory: number;
  /** Floating-point operations of matrix products in the time in which memory gives one byte. Default: 8. */
  readonly flopsPerByte?: number | undefined;
}

/** A plan that fits. */
export interface FittedPlan {
  /** To be spread into the plan: `{ ...plan, ...fitted.settings }`. */
  readonly settings: MemorySettings;
  /** What is not as it was given, in the order in which it costs time, such as `microBatch 8 → 2`. */
  readonly changes: readonly string[];
  readonly memory: TrainingMemory;
  /** Predicted time of a step, as a multiple of that of the plan given. */
  readonly slowdown: number;
}

/**
 * The fastest setting with which a training fits into a memory. What a plan given says stays unless it must not; changes are made in the order
 * that costs least: micro-batches, then the logits in chunks, then recomputation. They change no result but for rounding. Only where
 * all of them that help are not enough is the optimizer's state kept in bfloat16, then in 8 bits.
 *
 * Time is that of `stepWork`. With more memory the plan is never a slower one.
 *
 * @throws TrainbookError if nothing fits; it says the least that would.
 * @example
 * const { settings, changes, slowdown } = fitPlan(architecture, { batchSize: 32 }, { memory: 4e9 });
 */
export function fitPlan(
  architecture: Planned,
  options: TrainingMemoryOptions,
  { memory, flopsPerByte }: FitOptions,
): FittedPlan {
  const given = settingsOf(options);
  const tryOut = (settings: MemorySettings): Candidate => ({
    settings,
    memory: trainingMemory(architecture, { ...options, ...settings }),
    time: stepWork(architecture, { ...options, ...settings }, flopsPerByte),
  });
  const asGiven = tryOut(given);
  const candidates = savings(architecture, given, options).map(tryOut).sort(byTime);
  const leanest = leanestOf(candidates);
  const lossless = candidates.filter(({ time }) => time <= leanest.time);
  const smaller = smallerStates(given.optimizerState).map((optimizerState) =>
    tryOut({ ...leanest.settings, optimizerState }),
  );
  const all = [asGiven, ...lossless, ...smaller];
  const found = all.find((candidate) => candidate.memory.total <= memory);
  if (found === undefined) throw tooSmall(memory, all);
  return {
    settings: found.settings,
    changes: changesOf(given, found.settings, rowsOfEach(options.batchSize, options.workers ?? 1)),
    memory: found.memory,
    slowdown: found.time / asGiven.time,
  };
}

interface Candidate {
  readonly settings: MemorySettings;
  readonly memory: TrainingMemory;
  /** In floating-point operations. */
  readonly time: number;
}

const byTime = (a: Candidate, b: Candidate): number => a.time - b.time || a.memory.total - b.memory.total;

/** More chunks than this save no more than a per cent of the logits. */
const mostChunks = 64;

function settingsOf({
  microBatch,
  lossChunks = 1,
  recompute = false,
  optimizerState = 'float32',
}: TrainingMemoryOptions): MemorySettings {
  return { microBatch, lossChunks, recompute, optimizerState };
}

/** All settings that save memory beside those given, with the state as it is. */
function savings(
  { config }: Planned,
  given: MemorySettings,
  { batchSize, workers = 1, length = config.context }: TrainingMemoryOptions,
): MemorySettings[] {
  const rows = rowsOfEach(batchSize, workers);
  const most = given.microBatch ?? rows;
  const pieces = Array.from({ length: most }, (_, index) => most - index).filter((size) => rows % size === 0);
  const microBatches = pieces.map((size) => (size === rows ? given.microBatch : size));
  const chunks: number[] = [];
  for (let count = given.lossChunks; count <= Math.max(mostChunks, given.lossChunks); count *= 2) chunks.push(count);
  const fits = ({ microBatch = rows, lossChunks }: MemorySettings): boolean =>
    lossChunks === given.lossChunks || (microBatch * length) % lossChunks === 0;
  return (given.recompute ? [true] : [false, true]).flatMap((recompute) =>
    chunks.flatMap((lossChunks) =>
      microBatches.map((microBatch) => ({ ...given, microBatch, lossChunks, recompute })).filter(fits),
    ),
  );
}

/** The fastest of those that need within a per cent of the least memory: what saves less than that is not worth its time. */
function leanestOf(candidates: readonly Candidate[]): Candidate {
  const least = Math.min(...candidates.map(({ memory }) => memory.total));
  const [fastest] = candidates.filter(({ memory }) => memory.total <= 1.01 * least);
  if (fastest === undefined) throw new Error('internal: no setting of a plan');
  return fastest;
}

function smallerStates(format: StateFormat): readonly StateFormat[] {
  const order: readonly StateFormat[] = ['float32', 'bfloat16', 'int8'];
  return order.slice(order.indexOf(format) + 1);
}

function changesOf(given: MemorySettings, found: MemorySettings, rows: number): string[] {
  const said: readonly (readonly [name: string, before: string, now: string])[] = [
    ['microBatch', String(given.microBatch ?? rows), String(found.microBatch ?? rows)],
    ['lossChunks', String(given.lossChunks), String(found.lossChunks)],
    ['recompute', String(given.recompute), String(found.recompute)],
    ['optimizerState', given.optimizerState, found.optimizerState],
  ];
  return said.flatMap(([name, before, now]) => (before === now ? [] : [`${name} ${before} → ${now}`]));
}

function tooSmall(memory: number, candidates: readonly Candidate[]): TrainbookError {
  const least = candidates.reduce((best, one) => (one.memory.total < best.memory.total ? one : best));
  const { parts, total } = least.memory;
  const [largest, bytes] = Object.entries(parts).reduce((most, part) => (part[1] > most[1] ? part : most));
  return new TrainbookError({
    what: 'fitPlan: the training does not fit into this memory, whatever the plan',
    received: `${megabytes(memory)} MB`,
    expected: `at least ${megabytes(total)} MB, of which ${largest} are ${megabytes(bytes)} MB`,
    fix: 'take a smaller model, shorter rows, or a machine with more memory',
  });
}

/** Rounded up, so that what is said to be enough is. */
const megabytes = (bytes: number): string => Math.ceil(bytes / 1e6).toLocaleString('en');
