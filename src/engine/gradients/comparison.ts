import { at, registerGradient, zerosFor } from './gradient.js';

/**
 * Comparisons and logical ops are constant almost everywhere: ∂/∂a = ∂/∂b = 0. tfjs has this for `GreaterEqual` only, so that
 * `tf.where(x.greater(0), x, 0)` and the second derivative of `logSumExp` (through `Equal`, the gradient of `Max`) fail without.
 */
const kernelInputs: Readonly<Record<string, readonly string[]>> = {
  Equal: ['a', 'b'],
  NotEqual: ['a', 'b'],
  Greater: ['a', 'b'],
  GreaterEqual: ['a', 'b'],
  Less: ['a', 'b'],
  LessEqual: ['a', 'b'],
  LogicalAnd: ['a', 'b'],
  LogicalOr: ['a', 'b'],
  LogicalNot: ['x'],
  All: ['x'],
  Any: ['x'],
  ArgMax: ['x'],
  ArgMin: ['x'],
};

for (const [kernel, inputs] of Object.entries(kernelInputs)) {
  registerGradient({
    kernel,
    inputs,
    backward: (_dys, kept) => Object.fromEntries(inputs.map((name, index) => [name, () => zerosFor(at(kept, index))])),
  });
}
