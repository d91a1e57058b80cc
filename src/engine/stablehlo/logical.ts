import { operands } from './elementwise.js';
import { isUnsignedInteger } from './rule.js';
import type { LoweringRule, LoweringRules } from './rule.js';
import type { BinaryOp, Comparison } from './writer.js';

/** Comparisons, logic, choice, and ops on bits. */

const comparison =
  (direction: Comparison): LoweringRule =>
  (operation, write) =>
    write.compare(direction, ...operands(operation, write));

const binary =
  (op: BinaryOp): LoweringRule =>
  (operation, write) =>
    write.binary(op, ...operands(operation, write));

const not: LoweringRule = (operation, write) => write.unary('not', operation.input(0));

/** Signed numbers keep their sign. */
const shiftRight: LoweringRule = (operation, write) => {
  const [x, count] = operands(operation, write);
  return write.binary(isUnsignedInteger(x.dtype) ? 'shift_right_logical' : 'shift_right_arithmetic', x, count);
};

/** Condition, then, else: all broadcast. */
const selectV2: LoweringRule = (operation, write) => {
  const { shape } = operation.output;
  const [condition, onTrue, onFalse] = [operation.input(0), operation.input(1), operation.input(2)];
  return write.select(
    write.broadcast(condition, shape),
    write.broadcast(onTrue, shape),
    write.broadcast(onFalse, shape),
  );
};

/** As SelectV2, but a condition of rank 1 chooses whole rows: it is matched with the first axis. */
const select: LoweringRule = (operation, write) => {
  const { shape } = operation.output;
  const condition = operation.input(0);
  const rows = condition.shape.length === 1 && shape.length > 1;
  const everywhere = rows ? write.broadcastInDim(condition, shape, [0]) : write.broadcast(condition, shape);
  return write.select(everywhere, operation.input(1), operation.input(2));
};

/**
 * To another dtype: floats towards zero to integers, anything but 0 to true. A float that the integer cannot hold is
 * the device's choice, as in TensorFlow.
 */
const cast: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const { dtype } = operation.output;
  if (dtype === 'bool' && x.dtype !== 'bool') return write.compare('NE', x, write.fill(x, 0));
  return write.convert(x, dtype);
};

const bitcast: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return x.dtype === operation.output.dtype ? x : write.bitcast(x, operation.output);
};

export const logical: LoweringRules = {
  Bitcast: bitcast,
  BitwiseAnd: binary('and'),
  BitwiseOr: binary('or'),
  BitwiseXor: binary('xor'),
  Cast: cast,
  Equal: comparison('EQ'),
  Greater: comparison('GT'),
  GreaterEqual: comparison('GE'),
  Invert: not,
  LeftShift: binary('shift_left'),
  Less: comparison('LT'),
  LessEqual: comparison('LE'),
  LogicalAnd: binary('and'),
  LogicalNot: not,
  LogicalOr: binary('or'),
  NotEqual: comparison('NE'),
  RightShift: shiftRight,
  Select: select,
  SelectV2: selectV2,
};
