import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import { flatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { Loader, LoaderOptions } from '../../tokens/loader.js';
import type { ModelFiles } from '../checkpoints/checkpoint.js';
import { restoreGrown } from './growth.js';
import type { Grow, Grown } from './growth.js';
import type { PlanOptions } from '../plan.js';
import { observed, preparePart, runPart } from '../train.js';
import type { Beginning, PartEnd, Trainable, TrainModelOptions } from '../train.js';
import { withoutLosses } from '../watch.js';

/** A part of a training with one architecture and one kind of batches. */
export interface Phase<Architecture, Weights, B> {
  /** Its last step, counted from the first step of the training. */
  readonly untilStep: number;
  /** Makes the loader of its batches, such as of rows packed at its context. */
  readonly data: (options: LoaderOptions) => Loader<B>;
  /** What becomes of the model before its first step. */
  readonly grow?: Grow<Architecture, Weights>;
  /** Default: the plan's. */
  readonly batchSize?: number;
  /** Default: the plan's. */
  readonly microBatch?: number;
  /** Default: those of the training. */
  readonly heldOut?: () => Iterable<B>;
}

/** What a training in phases needs beside the model it begins with. */
export interface ProgressiveOptions<Architecture, Weights, B> extends Omit<
  TrainModelOptions<Architecture, Weights, B>,
  'data' | 'plan' | 'files' | 'evaluate' | 'inPlace'
> {
  /** The last one's `untilStep` is the length of the training; schedules run over all of it. */
  readonly phases: readonly Phase<Architecture, Weights, B>[];
  readonly plan: Omit<PlanOptions, 'steps' | 'epochs'> & { readonly steps?: never; readonly epochs?: never };
  /** How checkpoints of an architecture keep its weights. Default: in safetensors by their path in the tree. */
  readonly files?: (architecture: Architecture) => ModelFiles<Weights>;
  /** Other numbers of an evaluation, such as an accuracy. */
  readonly evaluate?: (
    model: Trainable<Architecture, Weights>,
    step: number,
  ) => Promise<Readonly<Record<string, number>>>;
}

/**
 * Trains in phases: between two of them the model may grow, and the data change, such as from short sequences to long ones. Steps are
 * counted through, the optimizer's state goes on, and so does the best score; what is remembered of losses, to notice a spike, begins
 * anew, since losses of another model or length have another level.
 *
 * Each phase has its own folder of checkpoints, `phase-1`, `phase-2`, …, and its last step is saved. A run that was killed, also
 * between two phases, and is started again ends with the same weights, to the bit, as one that never was.
 *
 * @throws TrainbookError if the phases do not follow each other, or as `train` does.
 * @example
 * const trained = await trainProgressively(model, {
 *   objective: causalLanguageModel(),
 *   phases: [
 *     { untilStep: 200, data: (options) => loader(pack(corpus.train, tokenizer, 64), options), batchSize: 32 },
 *     { untilStep: 300, data: (options) => loader(pack(corpus.train, tokenizer, 256), options), grow: growContext(256) },
 *   ],
 *   optimizer: ({ steps }) => adamw({ learningRate: warmupCosine({ learningRate: 1e-3, warmupSteps: 20, steps }) }),
 *   plan: { batchSize: 8 },
 *   key: key(42),
 * });
 */
export async function trainProgressively<Architecture, Weights, B, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: ProgressiveOptions<Architecture, Weights, B>,
): Promise<M> {
  const { phases } = options;
  checkPhases(phases);
  return observed(options, async (given) => {
    const seeds = grownSeeds(model, phases);
    const prepare = (index: number) => preparePart(at(seeds, index), phaseOptions(given, at(seeds, index), index));
    // The newest checkpoint is in the last phase that has one.
    let index = phases.length - 1;
    let prepared = await prepare(index);
    while (index > 0 && prepared.found.checkpoint === undefined) prepared = await prepare(--index);
    let from: Beginning<Weights> | undefined;
    for (;;) {
      const { untilStep } = at(phases, index);
      const end = await runPart(prepared, { until: untilStep, ...(from && { from }) });
      const { architecture } = at(seeds, index);
      if (end.over) return { ...model, architecture, weights: end.weights };
      index++;
      from = beginning({ architecture, weights: end.weights }, end, at(phases, index).grow, untilStep);
      given.on?.({ type: 'phase', step: untilStep, phase: index + 1, phases: phases.length });
      prepared = await prepare(index);
    }
  });
}

/** What a phase begins with, of what the one before it has left. */
function beginning<Architecture, Weights>(
  model: Trainable<Architecture, Weights>,
  { state: before, watch }: PartEnd<Weights>,
  grow: Grow<Architecture, Weights> | undefined,
  step: number,
): Beginning<Weights> {
  const { weights, state }: Grown<Architecture, Weights> = grow === undefined ? model : grow(model);
  return {
    step,
    watch: withoutLosses(watch),
    weights,
    restore: (cells) => {
      tf.tidy(() => {
        restoreGrown(cells, before, state);
      });
      tf.dispose([...before.values(), ...flatten<tf.Tensor>(model.weights as Tree<tf.Tensor>)]); // the cells have copies
    },
  };
}

/**
 * The model of each phase as growth alone makes it of the first weights: it has the structure of what is trained, and stands for the
 * run's identity, though the training before it has not been done.
 */
function grownSeeds<Architecture, Weights>(
  model: Trainable<Architecture, Weights>,
  phases: readonly Pick<Phase<Architecture, Weights, never>, 'grow'>[],
): readonly Trainable<Architecture, Weights>[] {
  const seeds: Trainable<Architecture, Weights>[] = [];
  let seed: Trainable<Architecture, Weights> = model;
  for (const { grow } of phases) {
    if (grow !== undefined) seed = grow(seed);
    seeds.push(seed);
  }
  return seeds;
}

/** The options of `train` for one phase. */
function phaseOptions<Architecture, Weights, B>(
  options: ProgressiveOptions<Architecture, Weights, B>,
  { architecture }: Trainable<Architecture, Weights>,
  index: number,
): TrainModelOptions<Architecture, Weights, B> {
  const { phases, plan, files, evaluate, checkpoints, identity, ...rest } = options;
  const { data, batchSize, microBatch, heldOut } = at(phases, index);
  const lengths = phases.map(({ untilStep }) => untilStep);
  return {
    ...rest,
    key: fold(options.key, index),
    data,
    plan: {
      ...plan,
      ...(batchSize !== undefined && { batchSize }),
      ...(microBatch !== undefined && { microBatch }),
      steps: at(lengths, lengths.length - 1),
    },
    identity: { phases: lengths, phase: index, identity: identity ?? null },
    checkpoints: checkpoints && join(checkpoints, `phase-${index + 1}`),
    ...(files && { files: files(architecture) }),
    ...(heldOut && { heldOut }),
    ...(evaluate && { evaluate: (weights, step) => evaluate({ architecture, weights }, step) }),
  };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`internal: there is no phase ${index}`);
  return found;
}

function checkPhases(phases: readonly { readonly untilStep: number }[]): void {
  const lengths = phases.map(({ untilStep }) => untilStep);
  const follow = lengths.every((length, index) => Number.isInteger(length) && length > (lengths[index - 1] ?? 0));
  if (follow && lengths.length > 0) return;
  throw new TrainbookError({
    what: 'trainProgressively: the phases do not follow each other',
    received: `untilStep ${lengths.join(', ') || 'of no phase'}`,
    expected: 'at least one phase, and positive integers that grow',
  });
}
