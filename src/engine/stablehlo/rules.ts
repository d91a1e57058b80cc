import { activation } from './activation.js';
import { blocks } from './blocks.js';
import { boxes } from './boxes.js';
import { complexes } from './complex.js';
import { control } from './control.js';
import { convolutions } from './convolution.js';
import { dilations } from './dilation.js';
import { einsums } from './einsum.js';
import { elementwise } from './elementwise.js';
import { gathers } from './gather.js';
import { logical } from './logical.js';
import { matrix } from './matrix.js';
import { normalisations } from './normalisation.js';
import { pools } from './pooling.js';
import { random } from './random.js';
import { reductions } from './reduction.js';
import { resizing } from './resize.js';
import type { LoweringRule } from './rule.js';
import { shapes } from './shape.js';
import { shardings } from './sharding.js';
import { slices } from './slice.js';
import { specialFunctions } from './special-functions.js';
import { trigonometry } from './trigonometry.js';

const elements = [elementwise, activation, trigonometry, specialFunctions, logical, complexes];
const products = [matrix, einsums, reductions, normalisations];
const places = [shapes, slices, gathers];
const images = [convolutions, dilations, pools, resizing, blocks, boxes];

/** The library's rules, by TensorFlow's op name. */
export const rules: ReadonlyMap<string, LoweringRule> = new Map(
  [...elements, ...products, ...places, ...images, random, control, shardings].flatMap((kind) => Object.entries(kind)),
);
