/** The rule of every op that a trace may contain; the files beside this one are the registry, by kind. */
import type { Rule } from '../trace.js';
import { comparison } from './comparison.js';
import { conversion } from './cast.js';
import { elementwise } from './elementwise.js';
import { fills } from './fill.js';
import { fourier } from './fourier.js';
import { gathers } from './gather.js';
import { join } from './join.js';
import { matrix } from './matrix.js';
import { normalisation } from './normalisation.js';
import { random } from './random.js';
import { reduction } from './reduction.js';
import { shape } from './shape.js';
import { slices } from './slice.js';
import { structure } from './structure.js';

export const rules: Readonly<Record<string, Rule>> = {
  ...comparison,
  ...conversion,
  ...elementwise,
  ...fills,
  ...fourier,
  ...gathers,
  ...join,
  ...matrix,
  ...normalisation,
  ...random,
  ...reduction,
  ...shape,
  ...slices,
  ...structure,
};
