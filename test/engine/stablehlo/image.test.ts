import { describe } from 'vitest';
import { blocks } from '../../../src/engine/stablehlo/blocks.js';
import { boxes } from '../../../src/engine/stablehlo/boxes.js';
import { resizing } from '../../../src/engine/stablehlo/resize.js';
import type { Attributes } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { floats, integers, known, knownScalar, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const x = spread([2, 4, 5, 3]);
const modes: Attributes[] = [
  { align_corners: { bool: false }, half_pixel_centers: { bool: false } },
  { align_corners: { bool: true }, half_pixel_centers: { bool: false } },
  { align_corners: { bool: false }, half_pixel_centers: { bool: true } },
];
const sizes = [
  [7, 8],
  [3, 2],
  [1, 5],
  [4, 10],
];
const eachWay = (make: (size: number[], attributes: Attributes) => Case): Case[] =>
  sizes.flatMap((size) => modes.map((attributes) => make(size, attributes)));
const whole = integers([1, 2, 2, 1], 3, -1, 7, 250);
const matrix = (rows: number[][]): Given => ({ ...integers([rows.length, 2], ...rows.flat()), known: true });
const block = { block_size: { int: 2 } };
const crop = (method: string, size: number[]): Case => ({
  inputs: [
    x,
    floats([4, 4], 0, 0, 1, 1, 0.1, 0.2, 0.7, 0.9, 0.8, 0.9, 0.2, 0.1, -0.5, 0.3, 1.2, 1.4),
    integers([4], 0, 1, 1, 0),
    known(...size),
  ],
  attributes: { method: { string: method }, extrapolation_value: { float: -1 } },
  tolerance: 1e-5,
});
const crops = ['bilinear', 'nearest'].flatMap((method) => [crop(method, [3, 4]), crop(method, [1, 1])]);

/** Two stacks of boxes that overlap, one box apart, and one of no area. */
const corners = floats([6, 4], ...[0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 0.9, 1, 1.9, 3, 3, 4, 4, 4.1, 4, 3.1, 3, 5, 5, 5, 5]);
const scores = floats([6], 0.9, 0.75, 0.6, 0.95, 0.8, 0.3);
const scalar = (value: number): Given => floats([], value);
const suppress = (limit: number, overlap: number, least: number, ...more: number[]): Case => ({
  inputs: [corners, scores, knownScalar(limit), scalar(overlap), scalar(least), ...more.map(scalar)],
  attributes: { pad_to_max_output_size: { bool: true } },
});

describe.skipIf(plugin.path === undefined)(`image rules (plugin: ${plugin.reason})`, () => {
  testRules(resizing, {
    ResizeBilinear: [
      ...eachWay((size, attributes) => ({ inputs: [x, known(...size)], attributes })),
      { inputs: [whole, known(3, 3)] },
    ],
    ResizeBilinearGrad: eachWay((size, attributes) => ({
      inputs: [spread([2, ...size, 3], -1, 1, 4), x],
      attributes,
      tolerance: 1e-5,
    })),
    ResizeNearestNeighbor: [
      ...eachWay((size, attributes) => ({ inputs: [x, known(...size)], attributes })),
      { inputs: [whole, known(3, 3)] },
    ],
    ResizeNearestNeighborGrad: eachWay((size, attributes) => ({
      inputs: [spread([2, ...size, 3], -1, 1, 4), known(4, 5)],
      attributes,
      tolerance: 1e-5,
    })),
  });

  testRules(blocks, {
    BatchToSpaceND: [
      { inputs: [spread([12, 2, 3, 3]), known(2, 3), matrix([[0, 0], [1, 2]])] }, // prettier-ignore
      { inputs: [spread([4, 2]), known(2), matrix([[1, 0]])] },
    ],
    DepthToSpace: [{ inputs: [spread([2, 3, 4, 8])], attributes: block }],
    SpaceToBatchND: [
      { inputs: [spread([2, 4, 6, 3]), known(2, 3), matrix([[0, 0], [1, 2]])] }, // prettier-ignore
      { inputs: [spread([2, 4]), known(2), matrix([[1, 1]])] },
    ],
    SpaceToDepth: [{ inputs: [spread([2, 4, 6, 3])], attributes: block }],
  });

  testRules(boxes, {
    CropAndResize: crops,
    NonMaxSuppressionV4: [suppress(4, 0.5, 0), suppress(6, 0.5, 0.5), suppress(2, 0.9, 0), suppress(3, 0.5, 0.99)],
    NonMaxSuppressionV5: [suppress(4, 0.5, 0, 0), suppress(6, 0.5, 0.2, 0.5), suppress(6, 1, 0, 0.3)],
  });
});
