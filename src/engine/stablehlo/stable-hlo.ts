import type { StatefulTrace } from '../compile.js';
import type { Trace } from '../trace.js';
import { printStableHlo } from './print.js';
import type { PrintOptions } from './print.js';

/** How a program is written. */
export type StableHloOptions = Pick<PrintOptions, 'products'>;

/**
 * The StableHLO text of what a compiled function does for arguments like these: what a PJRT plugin is given. State that the
 * function writes is donated: its new value takes over the memory of the old one.
 *
 * @throws TrainbookError for an op without a rule, naming the line of user code that made it.
 * @example
 * const double = compile((x: tf.Tensor) => tf.mul(x, 2));
 * console.log(stableHlo(double.trace(tf.tensor([1, 2]))));
 */
export function stableHlo(traced: Trace | StatefulTrace, options: StableHloOptions = {}): string {
  if (!('cells' in traced)) return printStableHlo(traced, options);
  const donated = new Map(
    traced.cells.flatMap(({ input, output }) => (output === undefined ? [] : [[input, output] as const])),
  );
  return printStableHlo(traced.trace, { ...options, donated });
}
