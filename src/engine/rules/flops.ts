/**
 * What ops cost. Counted are floating-point operations (integer ones too, at the same price); a transcendental function counts
 * as one; moving, making and converting data is free. A rule without `flops` counts one per output element.
 */
import type { Rule } from '../trace.js';
import { sizeOf } from '../trace.js';

type Flops = NonNullable<Rule['flops']>;

/** Only moves, makes or converts data. */
export const noFlops: Flops = () => 0;

/** `count` for each element of the first output. */
export const perOutputElement =
  (count: number): Flops =>
  (_inputs, [output]) =>
    output === undefined ? 0 : count * sizeOf(output.shape);

/** `count` for each element of the first input, as in reductions. */
export const perInputElement =
  (count: number): Flops =>
  ([input]) =>
    input === undefined ? 0 : count * sizeOf(input.shape);
