/** Fourier transforms along the last axis. */
import { sizeOf } from '../trace.js';
import { requireDtype } from './dtypes.js';
import { requireRankAtLeast, takeInputs } from './inputs.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';

const transform: RuleMaker = (op) => ({
  infer(inputs) {
    const [x] = takeInputs(op, inputs, 'input');
    const dtype = requireDtype(op, ['complex64'], x);
    requireRankAtLeast(op, inputs, x, 1, 'input');
    return [{ dtype, shape: x.spec.shape }];
  },
  /** 5 n log2(n) for n points, the usual count (Cooley and Tukey 1965, as FFTW reports it). */
  flops: (_inputs, [output]) => {
    const numPoints = output?.shape.at(-1) ?? 0;
    return output === undefined || numPoints < 2 ? 0 : 5 * sizeOf(output.shape) * Math.log2(numPoints);
  },
});

export const fourier = named(each(['FFT', 'IFFT'], transform));
