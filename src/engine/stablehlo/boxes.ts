import type { Spec } from '../trace.js';
import { neutral } from './reduction.js';
import { argReduce, gather } from './regions.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import { part } from './shape.js';
import { sizeAt, typeOf } from './writer.js';
import type { Value, Writer } from './writer.js';

/** Boxes in images: y₁, x₁, y₂, x₂ of each. */

/** Column `index` of the boxes: [n, 4] → [n]. */
const column = (write: Writer, boxes: Value, index: number): Value =>
  write.reshape(part(write, boxes, 1, index, 1), [sizeAt(boxes.shape, 0)]);

/**
 * Where the rows (columns) of each crop lie in the image: low · (size - 1) + i · (high - low) · (size - 1) / (count - 1), the
 * middle of the box if there is one only. [n, count]
 */
function cropPlaces(write: Writer, low: Value, high: Value, size: number, count: number): Value {
  const shape = [sizeAt(low.shape, 0), count];
  const spread = (x: Value): Value => write.broadcastInDim(x, shape, [0]);
  const scaled = (x: Value, factor: number): Value => write.binary('multiply', x, write.fill(x, factor));
  if (count === 1) return spread(scaled(scaled(write.binary('add', low, high), 0.5), size - 1));
  const step = scaled(scaled(write.binary('subtract', high, low), size - 1), 1 / (count - 1));
  const index = write.iota({ dtype: 'float32', shape }, 1);
  return write.binary('add', spread(scaled(low, size - 1)), write.binary('multiply', index, spread(step)));
}

/** The pixels [n, height, width, channels] of the image of each box at the given rows and columns. */
function pixels(write: Writer, images: Value, image: Value, rows: Value, columns: Value): Value {
  const [count, height] = [sizeAt(rows.shape, 0), sizeAt(rows.shape, 1)];
  const shape = [count, height, sizeAt(columns.shape, 1)];
  const whole = (x: Value): Value => write.convert(x, 'int32');
  const indices = write.concatenate(
    [
      write.broadcastInDim(image, shape, [0]),
      write.broadcastInDim(whole(rows), shape, [0, 1]),
      write.broadcastInDim(whole(columns), shape, [0, 2]),
    ].map((x) => write.reshape(x, [...shape, 1])),
    3,
  );
  const channels = sizeAt(images.shape, 3);
  const axes = {
    offsetDims: [3],
    collapsedSliceDims: [0, 1, 2],
    startIndexMap: [0, 1, 2],
    indexVectorDim: 3,
    sliceSizes: [1, 1, 1, channels],
  };
  return gather(write, images, indices, axes, { dtype: images.dtype, shape: [...shape, channels] });
}

/** A crop of an image for each box, at one size: bilinear or nearest; what lies outside the image is a given number. */
const cropAndResize: LoweringRule = (operation, write) => {
  const images = write.convert(operation.input(0), 'float32');
  const [boxes, image] = [operation.input(1), operation.input(2)];
  const { shape } = operation.output;
  const [y1, x1, y2, x2] = [0, 1, 2, 3].map((index) => column(write, boxes, index));
  if (y1 === undefined || x1 === undefined || y2 === undefined || x2 === undefined) throw new Error('internal: a box');
  const [height, width] = [sizeAt(images.shape, 1), sizeAt(images.shape, 2)];
  const rows = cropPlaces(write, y1, y2, height, sizeAt(shape, 1));
  const columns = cropPlaces(write, x1, x2, width, sizeAt(shape, 2));
  const inside = (places: Value, size: number, axis: number): Value => {
    const above = write.compare('GE', places, write.fill(places, 0));
    const below = write.compare('LE', places, write.fill(places, size - 1));
    return write.broadcastInDim(write.binary('and', above, below), shape, [0, axis]);
  };
  const isInside = write.binary('and', inside(rows, height, 1), inside(columns, width, 2));
  const made = cropped(operation, write, (r, c) => pixels(write, images, image, r, c), rows, columns);
  return write.select(isInside, made, write.fill(made, operation.float('extrapolation_value', 0)));
};

function cropped(
  operation: Operation,
  write: Writer,
  at: (rows: Value, columns: Value) => Value,
  rows: Value,
  columns: Value,
): Value {
  if (operation.string('method', 'bilinear') === 'nearest') {
    const near = (x: Value): Value => write.unary('floor', write.binary('add', x, write.fill(x, 0.5)));
    return at(near(rows), near(columns));
  }
  const { shape } = operation.output;
  const [top, bottom] = [write.unary('floor', rows), write.unary('ceil', rows)];
  const [left, right] = [write.unary('floor', columns), write.unary('ceil', columns)];
  const weight = (x: Value, floor: Value, axis: number): Value =>
    write.broadcastInDim(write.binary('subtract', x, floor), shape, [0, axis]);
  const mix = (low: Value, high: Value, share: Value): Value =>
    write.binary('add', low, write.binary('multiply', write.binary('subtract', high, low), share));
  const across = weight(columns, left, 2);
  return mix(
    mix(at(top, left), at(top, right), across),
    mix(at(bottom, left), at(bottom, right), across),
    weight(rows, top, 1),
  );
}

/** Intersection over union of one box with all: [4], [n, 4] → [n]. Corners may come in any order. */
function overlap(write: Writer, box: Value, boxes: Value): Value {
  const n = sizeAt(boxes.shape, 0);
  const all = (index: number): Value => column(write, boxes, index);
  const one = (index: number): Value => write.broadcast(write.reshape(write.slice(box, [index], [index + 1]), []), [n]);
  const sides = (of: (index: number) => Value): Value[] => [
    write.binary('minimum', of(0), of(2)),
    write.binary('minimum', of(1), of(3)),
    write.binary('maximum', of(0), of(2)),
    write.binary('maximum', of(1), of(3)),
  ];
  const [a, b] = [sides(one), sides(all)];
  const length = (corners: readonly Value[], axis: 0 | 1): Value => {
    const [low, high] = [corners[axis], corners[axis + 2]];
    if (low === undefined || high === undefined) throw new Error('internal: a box has four sides');
    return write.binary('subtract', high, low);
  };
  const area = (corners: readonly Value[]): Value => write.binary('multiply', length(corners, 0), length(corners, 1));
  const zero = write.fill({ dtype: boxes.dtype, shape: [n] }, 0);
  const shared = a.map((side, index) => write.binary(index < 2 ? 'maximum' : 'minimum', side, b[index] ?? side));
  const common = write.binary(
    'multiply',
    write.binary('maximum', length(shared, 0), zero),
    write.binary('maximum', length(shared, 1), zero),
  );
  const [areaA, areaB] = [area(a), area(b)];
  const union = write.binary('subtract', write.binary('add', areaA, areaB), common);
  const empty = write.binary('or', write.compare('LE', areaA, zero), write.compare('LE', areaB, zero));
  return write.select(empty, zero, write.binary('divide', common, union));
}

/**
 * Boxes by falling score, without those that overlap a chosen one by more than a threshold; with `soft_nms_sigma` σ > 0 the
 * score of a box falls by exp(-½ overlap² / σ) instead (Bodla 2017, 1704.04503). A loop that chooses one box a time; places
 * beyond the number of boxes that are chosen hold 0.
 */
const suppression: LoweringRule = (operation, write) => {
  const [boxes, scores] = [operation.input(0), operation.input(1)];
  const limit = sizeAt(operation.output.shape, 0);
  const number = (dtype: Spec['dtype'], value: number): Value => write.fill({ dtype, shape: [] }, value);
  const [iou, least] = [operation.input(3), operation.input(4)];
  const soft = operation.numInputs > 5 ? operation.input(5) : number(scores.dtype, 0);
  const n = sizeAt(boxes.shape, 0);
  const chosen: Spec = { dtype: 'int32', shape: [limit] };
  const lowest = neutral('maximum', scores.dtype);
  const state = [
    number('int32', 0),
    write.select(write.compare('GT', scores, write.broadcast(least, [n])), scores, write.fill(scores, lowest)),
    write.fill(chosen, 0),
    write.fill({ dtype: scores.dtype, shape: [limit] }, 0),
  ];
  const best = (inner: Writer, remaining: Value): { readonly place: Value; readonly score: Value } => {
    const start = inner.fill({ dtype: scores.dtype, shape: [] }, lowest);
    const place = argReduce(inner, remaining, inner.iota({ dtype: 'int32', shape: [n] }, 0), 0, 'GT', start);
    return { place, score: inner.reduce('maximum', remaining, start, [0]) };
  };
  const condition = write.region(state, (inner, [count, remaining]) => {
    if (count === undefined || remaining === undefined) throw new Error('internal: the state of a loop');
    const more = inner.compare('LT', count, inner.fill(count, limit));
    const { score } = best(inner, remaining);
    return [inner.binary('and', more, inner.compare('GT', score, inner.fill(score, lowest)))];
  });
  const body = write.region(state, (inner, [count, remaining, places, kept]) => {
    if (count === undefined || remaining === undefined || places === undefined || kept === undefined)
      throw new Error('internal: the state of a loop');
    const { place, score } = best(inner, remaining);
    const row = inner.emit(
      { dtype: boxes.dtype, shape: [1, 4] },
      `stablehlo.dynamic_slice ${boxes.name}, ${place.name}, ${inner.fill(place, 0).name}, sizes = [1, 4] : ` +
        `(${typeOf(boxes)}, tensor<i32>, tensor<i32>) -> ${typeOf({ dtype: boxes.dtype, shape: [1, 4] })}`,
    );
    const similar = overlap(inner, inner.reshape(row, [4]), boxes);
    const all = (x: Value): Value => inner.broadcast(x, [n]);
    const isSoft = all(inner.compare('GT', soft, inner.fill(soft, 0)));
    const decay = inner.unary(
      'exponential',
      inner.binary(
        'divide',
        inner.binary('multiply', inner.binary('multiply', similar, similar), inner.fill(similar, -0.5)),
        all(soft),
      ),
    );
    const out = inner.fill(remaining, lowest);
    const faded = inner.binary('multiply', remaining, decay);
    const fadedEnough = inner.compare('GT', faded, all(least));
    const alive = inner.compare('GT', remaining, out);
    const softly = inner.select(inner.binary('and', alive, fadedEnough), faded, out);
    const hardly = inner.select(inner.compare('LE', similar, all(iou)), remaining, out);
    const index = inner.iota({ dtype: 'int32', shape: [n] }, 0);
    const others = inner.select(isSoft, softly, hardly);
    const next = inner.select(inner.compare('EQ', index, all(place)), out, others);
    const slot = inner.compare('EQ', inner.iota(chosen, 0), inner.broadcast(count, [limit]));
    return [
      inner.binary('add', count, inner.fill(count, 1)),
      next,
      inner.select(slot, inner.broadcast(place, [limit]), places),
      inner.select(slot, inner.broadcast(score, [limit]), kept),
    ];
  });
  const types = state.map(typeOf).join(', ');
  const [count, , places, kept] = write.emitMany(
    state,
    `"stablehlo.while"(${state.map(({ name }) => name).join(', ')}) (${condition}, ${body}) : (${types}) -> (${types})`,
  );
  if (count === undefined || places === undefined || kept === undefined)
    throw new Error('internal: a loop has results');
  return operation.name === 'NonMaxSuppressionV5' ? [places, kept, count] : [places, count];
};

export const boxes: LoweringRules = {
  CropAndResize: cropAndResize,
  NonMaxSuppressionV4: suppression,
  NonMaxSuppressionV5: suppression,
};
