/** Gradients that tfjs 4.22 lacks, or has wrong or wasteful; importing this file registers them for all backends. */
import './comparison.js';
import './cumulative.js';
import './einsum.js';
import './extremum.js';
import './gather.js';
import './gather-nd.js';
import './mat-mul.js';
import './reduction.js';
import './relu.js';
import './rsqrt.js';
import './select.js';
import './squared-difference.js';
import './strided-slice.js';
import './tape-order.js';
import './tile.js';
import './topk.js';

export { roll } from './roll.js';
export { stopGradient } from './stop-gradient.js';
