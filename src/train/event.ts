import type { StepResult } from './step.js';

/** What a training says while it runs. */
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
    }
  | {
      readonly type: 'skip';
      readonly step: number;
      readonly loss: number;
      readonly gradientNorm: number;
      readonly rows: string;
    }
  /** Written and whole. It is written while the next steps run, so it comes after some of their events. */
  | { readonly type: 'checkpoint'; readonly step: number; readonly folder: string }
  /** The system did not let a checkpoint be written; the training goes on, and the next one will be tried. */
  | { readonly type: 'unsaved'; readonly step: number; readonly folder: string; readonly cause: Error }
  | { readonly type: 'end'; readonly step: number; readonly reason: 'done' | 'no better score' };

/** Receives events; they come in the order of the steps, but for those of checkpoints. */
export type OnTrainEvent = (event: TrainEvent) => void;
