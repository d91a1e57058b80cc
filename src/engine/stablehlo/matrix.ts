import type { LoweringRule, LoweringRules } from './rule.js';
import type { Value, Writer } from './writer.js';

/** Matrix products: [..., m, k] · [..., k, n] → [..., m, n]; batch axes are broadcast. */

function product(write: Writer, a: Value, b: Value, left: boolean, right: boolean, dtype: Value['dtype']): Value {
  const batchRank = Math.max(a.shape.length, b.shape.length) - 2;
  const batchShape = Array.from({ length: batchRank }, (_, axis) => {
    const at = (shape: readonly number[]): number => shape[shape.length - 2 - batchRank + axis] ?? 1;
    const size = at(a.shape);
    return size === 1 ? at(b.shape) : size;
  });
  // an operand without batch axes takes part in one product as it is: the other's batch axes are rows
  if (b.shape.length === 2 && !left) {
    const contracting = [[a.shape.length - 1], [right ? 1 : 0]] as const;
    return write.dot(a, b, { batch: [[], []], contracting }, dtype);
  }
  const expand = (x: Value): Value => write.broadcast(x, [...batchShape, ...x.shape.slice(-2)]);
  const axes = batchShape.map((_, axis) => axis);
  const contracting = [[batchRank + (left ? 0 : 1)], [batchRank + (right ? 1 : 0)]] as const;
  return write.dot(expand(a), expand(b), { batch: [axes, axes], contracting }, dtype);
}

const matMul: LoweringRule = (operation, write) => {
  const [left, right] = [operation.bool('transpose_a'), operation.bool('transpose_b')];
  return product(write, operation.input(0), operation.input(1), left, right, operation.output.dtype);
};

const batchMatMul: LoweringRule = (operation, write) => {
  const [left, right] = [operation.bool('adj_x'), operation.bool('adj_y')];
  return product(write, operation.input(0), operation.input(1), left, right, operation.output.dtype);
};

/**
 * A sum over products by its indices, such as `bthd,bshd->bhts`: indices of both operands that the result keeps are
 * batch, those it lacks are summed. Each operand names an index once; `...` is not understood.
 */
const einsum: LoweringRule = (operation, write) => {
  const equation = operation.string('equation', '').replaceAll(' ', '');
  const [from = '', to = ''] = equation.split('->');
  const terms = from.split(',');
  const repeats = [...terms, to].some((term) => new Set(term).size !== term.length);
  if (!equation.includes('->') || equation.includes('.') || repeats || terms.length > 2) {
    throw operation.refuse('this equation has no rule', equation, 'one or two operands, each index once in each');
  }
  const keep = (term: string, others: string, x: Value): [string, Value] => {
    const alone = Array.from(term).filter((index) => !others.includes(index) && !to.includes(index));
    if (alone.length === 0) return [term, x];
    const axes = alone.map((index) => term.indexOf(index));
    const rest = Array.from(term)
      .filter((index) => !alone.includes(index))
      .join('');
    return [rest, write.reduce('add', x, write.fill({ dtype: x.dtype, shape: [] }, 0), axes)];
  };
  const [first = '', second] = terms;
  const [leftTerm, left] = keep(first, second ?? '', operation.input(0));
  const arrange = (term: string, x: Value): Value =>
    write.transpose(
      x,
      Array.from(to).map((index) => term.indexOf(index)),
    );
  if (second === undefined) return arrange(leftTerm, left);
  const [rightTerm, right] = keep(second, first, operation.input(1));
  const shared = Array.from(leftTerm).filter((index) => rightTerm.includes(index));
  const batch = shared.filter((index) => to.includes(index));
  const summed = shared.filter((index) => !to.includes(index));
  const places = (indices: readonly string[]): readonly [number[], number[]] => [
    indices.map((index) => leftTerm.indexOf(index)),
    indices.map((index) => rightTerm.indexOf(index)),
  ];
  const result = write.dot(left, right, { batch: places(batch), contracting: places(summed) }, operation.output.dtype);
  const free = (term: string): string[] => Array.from(term).filter((index) => !shared.includes(index));
  return arrange([...batch, ...free(leftTerm), ...free(rightTerm)].join(''), result);
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
  Einsum: einsum,
  MatMul: matMul,
};
