import { convolution } from './convolution.js';

/**
 * Ops that our own rule looks at before TensorFlow does. Where inputs do not fit, `ScatterNd` (too few axes) and oneDNN's convolutions
 * (another rank; CPUs with AVX-512) end the process on a failed CHECK; where the result is empty, the latter give the input back.
 */
export const ruledFirst: ReadonlySet<string> = new Set(['ScatterNd', ...Object.keys(convolution)]);
