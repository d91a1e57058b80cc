import type * as tf from '@tensorflow/tfjs';
import { outsideTape } from '../../../engine/custom-gradient.js';
import { TrainbookError } from '../../../error.js';

/** A frozen model with what a loss asks of it: its weights are constants of the step, and have no gradient. */
export interface Teacher<Architecture> {
  readonly architecture: Architecture;
  readonly weights: unknown;
}

/** What a teacher says: computed as in inference, so that nothing is kept for a backward pass. */
export function asked<Said>(ask: () => Said): Said {
  return outsideTape(ask);
}

/** @throws TrainbookError if what is to be compared has other sizes. */
export function checkSame(what: string, teacher: number | undefined, student: number | undefined, fix: string): void {
  if (teacher === student) return;
  throw new TrainbookError({
    what: `distillation: teacher and student have different ${what}`,
    received: `${student ?? 'none'} of the student`,
    expected: `${teacher ?? 'none'}, as the teacher has`,
    fix,
  });
}

/** The shape's last size. */
export function lastAxis({ shape }: tf.Tensor): number {
  return shape.at(-1) ?? 0;
}
