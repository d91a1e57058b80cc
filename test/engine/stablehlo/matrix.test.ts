import { describe } from 'vitest';
import { einsums } from '../../../src/engine/stablehlo/einsum.js';
import { matrix } from '../../../src/engine/stablehlo/matrix.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bfloat16, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const matMul = (a: Given, b: Given, left = false, right = false): Case => ({
  inputs: [a, b],
  attributes: { transpose_a: { bool: left }, transpose_b: { bool: right } },
  tolerance: 1e-5,
});
const batchMatMul = (a: Given, b: Given, left = false, right = false): Case => ({
  inputs: [a, b],
  attributes: { adj_x: { bool: left }, adj_y: { bool: right } },
  tolerance: 1e-5,
});
const einsum = (equation: string, ...inputs: Given[]): Case => ({
  inputs,
  attributes: { equation: { string: equation }, N: { int: inputs.length } },
  tolerance: 1e-5,
});
const other = (shape: readonly number[]): Given => spread(shape, -1, 1, 13);

describe.skipIf(plugin.path === undefined)(`matrix rules (plugin: ${plugin.reason})`, () => {
  testRules(matrix, {
    BatchMatMulV2: [
      batchMatMul(spread([3, 4]), other([4, 5])),
      batchMatMul(spread([2, 3, 4]), other([2, 4, 5])),
      batchMatMul(spread([2, 3, 4]), other([2, 5, 4]), false, true),
      batchMatMul(spread([2, 4, 3]), other([2, 4, 5]), true, false),
      batchMatMul(spread([2, 4, 3]), other([2, 5, 4]), true, true),
      batchMatMul(spread([2, 3, 4]), other([4, 5])),
      batchMatMul(spread([2, 3, 4]), other([5, 4]), false, true),
      batchMatMul(spread([2, 4, 3]), other([4, 5]), true, false),
      batchMatMul(spread([3, 4]), other([2, 4, 5])),
      batchMatMul(spread([2, 1, 3, 4]), other([3, 4, 2])),
      batchMatMul(spread([2, 1, 3, 4]), other([1, 3, 2, 4]), false, true),
      { ...batchMatMul(bfloat16(spread([2, 3, 4])), bfloat16(other([2, 4, 5]))), tolerance: 2 ** -6 },
    ],
    BiasAdd: [{ inputs: [spread([2, 3, 4]), other([4])] }],
    BiasAddGrad: [{ inputs: [spread([2, 3, 4])] }],
    MatMul: [
      matMul(spread([3, 4]), other([4, 5])),
      matMul(spread([4, 3]), other([4, 5]), true),
      matMul(spread([3, 4]), other([5, 4]), false, true),
      matMul(spread([4, 3]), other([5, 4]), true, true),
      matMul(spread([0, 4]), other([4, 5])),
    ],
  });

  testRules(einsums, {
    Einsum: [
      einsum('ij,jk->ik', spread([3, 4]), other([4, 5])),
      einsum('bthd,bshd->bhts', spread([2, 3, 4, 5]), other([2, 6, 4, 5])),
      einsum('bhts,bshd->bthd', spread([2, 4, 3, 6]), other([2, 6, 4, 5])),
      einsum('ij,kj->i', spread([3, 4]), other([5, 4])),
      einsum('i,j->ji', spread([3]), other([4])),
      einsum('ijk->ki', spread([2, 3, 4])),
      einsum('ij,ij->', spread([3, 4]), other([3, 4])),
      einsum('...ij,...jk->...ik', spread([2, 3, 4]), other([4, 5])),
      einsum('b...d,d->b...', spread([2, 3, 4, 5]), other([5])),
      einsum('...i,...i->...', spread([2, 1, 3]), other([4, 3])),
      einsum('ii->i', spread([3, 3])),
      einsum('ii->', spread([3, 3])),
      einsum('iij,jk->ik', spread([3, 3, 2]), other([2, 4])),
    ],
  });
});
