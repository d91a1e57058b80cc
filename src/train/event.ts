import type { Energy } from './energy.js';
import type { StepResult } from './step.js';

/**
 * What a training says while it runs. A callback is a function of events: it looks at the types that it is for.
 *
 * - `step`: after each step, whether its update was made or left out;
 * - `spike`: before its `step`, where the loss stands out (`plan.spike`); `skip`: where an update was left out;
 * - `evaluation`: scores, every `plan.evaluateEvery` steps and after the last one;
 * - `phase`: a later phase of `trainProgressively` begins;
 * - `checkpoint`: a folder was written;
 * - `end`: the training is over; `energy`: what this process's part of it took, where that is known.
 *
 * @example
 * const scores: number[] = [];
 * await train(model, {
 *   …,
 *   on: (event) => {
 *     if (event.type === 'evaluation') scores.push(event.scores.heldOutLoss ?? NaN);
 *     if (event.type === 'spike') console.warn(`step ${event.step}: loss ${event.loss} on`, event.documents);
 *   },
 * });
 */
export type TrainEvent =
  | {
      readonly type: 'step';
      readonly step: number;
      readonly steps: number;
      readonly result: StepResult;
      /** What the optimizer says of the step, such as its learning rate. */
      readonly scalars: Readonly<Record<string, number>>;
      /** Seconds from its batch to its result. The first step of a process compiles. */
      readonly seconds: number;
      readonly compiles: boolean;
      /** What counts in the loss, such as tokens, in all processes. */
      readonly size: number;
      readonly unit: string;
    }
  | { readonly type: 'evaluation'; readonly step: number; readonly scores: Readonly<Record<string, number>> }
  | {
      readonly type: 'spike';
      readonly step: number;
      readonly loss: number;
      readonly limit: number;
      readonly rows: string;
      /** The ids of all documents in the batch; empty where the data do not say. */
      readonly documents: readonly string[];
    }
  | {
      readonly type: 'skip';
      readonly step: number;
      readonly loss: number;
      readonly gradientNorm: number;
      readonly rows: string;
      /** The ids of all documents in the batch; empty where the data do not say. */
      readonly documents: readonly string[];
    }
  /** Before the first step of a later phase. `step` is the last one done. */
  | { readonly type: 'phase'; readonly step: number; readonly phase: number; readonly phases: number }
  /** Written and whole. It is written while the next steps run, so it comes after some of their events. */
  | { readonly type: 'checkpoint'; readonly step: number; readonly folder: string }
  /** The system did not let a checkpoint be written; the training goes on, and the next one will be tried. */
  | { readonly type: 'unsaved'; readonly step: number; readonly folder: string; readonly cause: Error }
  | { readonly type: 'end'; readonly step: number; readonly reason: 'done' | 'no better score' }
  /** The last event, of a training that was interrupted or failed too. `step` is the last one done. */
  | { readonly type: 'energy'; readonly step: number; readonly energy: Energy };

/** Receives events; they come in the order of the steps, but for those of checkpoints. */
export type OnTrainEvent = (event: TrainEvent) => void;
