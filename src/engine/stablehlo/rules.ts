import { activation } from './activation.js';
import { elementwise } from './elementwise.js';
import { gathers } from './gather.js';
import { logical } from './logical.js';
import { matrix } from './matrix.js';
import { random } from './random.js';
import { reductions } from './reduction.js';
import type { LoweringRule } from './rule.js';
import { shapes } from './shape.js';
import { slices } from './slice.js';

/** All rules, by TensorFlow's op name. */
export const rules: ReadonlyMap<string, LoweringRule> = new Map(
  [elementwise, activation, logical, matrix, reductions, shapes, slices, gathers, random].flatMap((kind) =>
    Object.entries(kind),
  ),
);
