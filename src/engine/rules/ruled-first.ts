import { convolution } from './convolution.js';
import { scatter } from './gather.js';
import type { Rules } from './named.js';

/**
 * Ops that our own rule looks at before TensorFlow does. Where inputs do not fit, `ScatterNd` (too few axes) and oneDNN's convolutions
 * (another rank; CPUs with AVX-512) end the process on a failed CHECK; the latter also read past explicit paddings that are too few, and
 * where the result is empty give the input back.
 */
export const ruledFirst: Rules = { ...scatter, ...convolution };
