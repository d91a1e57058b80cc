import type { LoweringRule, LoweringRules } from './rule.js';
import type { DotAxes, Value, Writer } from './writer.js';

/** Matrix products: [..., m, k] · [..., k, n] → [..., m, n]; batch axes are broadcast. Half floats are summed as float32. */

function product(write: Writer, a: Value, b: Value, left: boolean, right: boolean, dtype: Value['dtype']): Value {
  const batchRank = Math.max(a.shape.length, b.shape.length) - 2;
  const batchShape = Array.from({ length: batchRank }, (_, axis) => {
    const at = (shape: readonly number[]): number => shape[shape.length - 2 - batchRank + axis] ?? 1;
    const size = at(a.shape);
    return size === 1 ? at(b.shape) : size;
  });
  const half = dtype === 'bfloat16' || dtype === 'float16';
  const dot = (x: Value, y: Value, axes: DotAxes): Value =>
    write.convert(write.dot(x, y, axes, half ? 'float32' : dtype), dtype);
  // an operand without batch axes takes part in one product as it is: the other's batch axes are rows
  if (b.shape.length === 2 && !left) {
    const contracting = [[a.shape.length - 1], [right ? 1 : 0]] as const;
    return dot(a, b, { batch: [[], []], contracting });
  }
  const expand = (x: Value): Value => write.broadcast(x, [...batchShape, ...x.shape.slice(-2)]);
  const axes = batchShape.map((_, axis) => axis);
  const contracting = [[batchRank + (left ? 0 : 1)], [batchRank + (right ? 1 : 0)]] as const;
  return dot(expand(a), expand(b), { batch: [axes, axes], contracting });
}

const matMul: LoweringRule = (operation, write) => {
  const [left, right] = [operation.bool('transpose_a'), operation.bool('transpose_b')];
  return product(write, operation.input(0), operation.input(1), left, right, operation.output.dtype);
};

const batchMatMul: LoweringRule = (operation, write) => {
  const [left, right] = [operation.bool('adj_x'), operation.bool('adj_y')];
  return product(write, operation.input(0), operation.input(1), left, right, operation.output.dtype);
};

/** value + bias, the bias along the last axis. */
const biasAdd: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  if (operation.string('data_format', 'NHWC') !== 'NHWC') {
    throw operation.refuse('the bias goes along the last axis only', operation.string('data_format', ''), 'NHWC');
  }
  return write.binary('add', x, write.broadcast(operation.input(1), x.shape));
};

/** The sum over all axes but the last. */
const biasAddGrad: LoweringRule = (operation, write) => {
  const dy = operation.input(0);
  const axes = dy.shape.slice(0, -1).map((_, axis) => axis);
  return write.reduce('add', dy, write.fill({ dtype: dy.dtype, shape: [] }, 0), axes);
};

export const matrix: LoweringRules = {
  BatchMatMulV2: batchMatMul,
  BiasAdd: biasAdd,
  BiasAddGrad: biasAddGrad,
  MatMul: matMul,
};
