/**
 * The shape and dtype rules of TensorFlow's ops: all that a trace may contain. An op that is not here cannot be traced.
 *
 * Shapes are static. An input that decides a shape (`shape` of `Reshape`) must be known while tracing.
 */
import type { Rule } from '../trace.js';
import { comparison } from './comparison.js';
import { convolution } from './convolution.js';
import { conversion } from './cast.js';
import { dataDependent } from './data-dependent.js';
import { einsum } from './einsum.js';
import { elementwise } from './elementwise.js';
import { fills } from './fill.js';
import { fourier } from './fourier.js';
import { gathers, scatter } from './gather.js';
import { image } from './image.js';
import { join } from './join.js';
import { matrix } from './matrix.js';
import { normalisation } from './normalisation.js';
import { pooling } from './pooling.js';
import { random } from './random.js';
import { reduction } from './reduction.js';
import { shape } from './shape.js';
import { slices } from './slice.js';
import { structure } from './structure.js';

/** The rule of each op by TensorFlow's name for it. */
export const rules: Readonly<Record<string, Rule>> = {
  ...elementwise,
  ...comparison,
  ...conversion,
  ...fills,
  ...reduction,
  ...matrix,
  ...einsum,
  ...normalisation,
  ...shape,
  ...join,
  ...slices,
  ...gathers,
  ...scatter,
  ...convolution,
  ...pooling,
  ...image,
  ...fourier,
  ...random,
  ...structure,
  ...dataDependent,
};
