import * as tf from '@tensorflow/tfjs';
import { binding } from './backend.js';
import { loop } from './control.js';
import { customGradient, gradients, isDifferentiated, outsideTape, withCaptured } from './custom-gradient.js';
import { activeRecorder } from './recorder.js';
import { rowOf, writeRow } from './scan.js';
import { trace } from './tracing.js';

/** What a piece adds. */
export interface PieceSum {
  /** Has a gradient. */
  readonly sum: tf.Scalar;
  /** Further sums, to be told: no gradient flows through them. */
  readonly told: readonly tf.Scalar[];
}

/**
 * Σᵢ fn(pieceᵢ) over the first axis of the inputs, [pieces, …] each, in a loop that is traced once. What is inside `fn` is alive for one
 * piece at a time: a loss over a vocabulary never holds all of its logits.
 *
 * Unlike `scan`, which runs each step again in the backward pass, the gradients of the sum by the inputs and by what `fn` captures are
 * computed in the same loop, and multiplied by the gradient that comes from behind: as `fn` gives one number, they are known but
 * for that factor. So what makes the logits is multiplied once, not twice. The price: the gradients, of the size of inputs and captures,
 * live from the forward pass on. Hsu et al. 2024, "Liger Kernel: Efficient Triton Kernels for LLM Training" (2410.10989), section 3.2.
 *
 * @example
 * const { sum } = sumPieces(([states, targets]) => ({ sum: tf.sum(tokenLosses(logits(states), targets)), told: [] }), [hidden, targets]);
 */
export function sumPieces(
  fn: (piece: readonly tf.Tensor[]) => PieceSum,
  inputs: readonly tf.Tensor[],
  numTold = 0,
): PieceSum {
  const numPieces = inputs[0]?.shape[0] ?? 0;
  if (activeRecorder() === undefined || numPieces === 1) return oneByOne(fn, inputs, numPieces);
  if (!isDifferentiated())
    return inLoop(numPieces, 1 + numTold, [], (at) => ({ ...fn(rowsOf(inputs, at)), grads: [] }));
  const floats = inputs.filter(({ dtype }) => dtype === 'float32');
  const { captured } = withCaptured(() => {
    traceAway(fn, inputs);
  }, inputs);
  const zeros = [...floats, ...captured].map(({ shape }) => tf.zeros(shape));
  const { sum, told, grads } = inLoop(numPieces, 1 + numTold, zeros, (at, before) => {
    const piece = rowsOf(inputs, at);
    const ofPiece = piece.filter(({ dtype }) => dtype === 'float32');
    const found = valueAndGradients(() => fn(piece), [...ofPiece, ...captured]);
    const grads = found.grads.map((grad, place) => {
      const already = get(before[place]);
      return place < floats.length ? writeRow(already, at, grad) : tf.add(already, grad);
    });
    return { ...found, grads };
  });
  const all = [...floats, ...captured];
  const results = customGradient(
    all,
    () => [sum, ...told],
    ([dSum]) => grads.map((grad) => tf.mul(grad, get(dSum))),
  );
  return { sum: get(results[0]) as tf.Scalar, told: results.slice(1) as tf.Scalar[] };
}

/** Outside a compiled function the pieces are simply computed one after another, and tfjs's own gradients hold. */
function oneByOne(
  fn: (piece: readonly tf.Tensor[]) => PieceSum,
  inputs: readonly tf.Tensor[],
  numPieces: number,
): PieceSum {
  const found = Array.from({ length: numPieces }, (_, index) => fn(rowsOf(inputs, tf.scalar(index, 'int32'))));
  const [first] = found;
  return {
    sum: tf.addN(found.map(({ sum }) => sum)),
    told: (first?.told ?? []).map((_, place) => tf.addN(found.map(({ told }) => get(told[place]) as tf.Scalar))),
  };
}

/** A piece's sums, and the gradients so far with its own. */
interface PieceGradients extends PieceSum {
  readonly grads: readonly tf.Tensor[];
}

function inLoop(
  numPieces: number,
  numSums: number,
  zeros: readonly tf.Tensor[],
  piece: (at: tf.Tensor, grads: readonly tf.Tensor[]) => PieceGradients,
): PieceGradients {
  const state = loop(
    ([index]) => tf.less(get(index), tf.scalar(numPieces, 'int32')),
    ([index, ...rest]) => {
      const at = get(index);
      const { sum, told, grads } = piece(at, rest.slice(numSums));
      const sums = [sum, ...told].map((value, place) => tf.add(get(rest[place]), value));
      return [tf.add(at, tf.scalar(1, 'int32')), ...sums, ...grads];
    },
    [tf.scalar(0, 'int32'), ...Array.from({ length: numSums }, () => tf.scalar(0)), ...zeros],
    { name: 'sum_pieces', length: numPieces },
  );
  const [sum, ...told] = state.slice(1, 1 + numSums) as tf.Scalar[];
  return { sum: get(sum) as tf.Scalar, told, grads: state.slice(1 + numSums) };
}

/** The sums of a piece, and the gradients of the first by `xs`; the tape around sees nothing of it. */
function valueAndGradients(fn: () => PieceSum, xs: readonly tf.Tensor[]): PieceGradients {
  return outsideTape(() => {
    let told: tf.Scalar[] = [];
    const { value, grads } = gradients(() => {
      const found = fn();
      told = found.told.map((number) => tf.keep(number.clone()));
      return found.sum;
    }, xs);
    const kept = told.map((number) => number.clone());
    tf.dispose(told); // were kept out of the gradient's own tidy
    return { sum: value as tf.Scalar, told: kept, grads: xs.map((x, index) => grads[index] ?? tf.zerosLike(x)) };
  });
}

/** Runs `fn` on a piece in a trace that is thrown away. */
function traceAway(fn: (piece: readonly tf.Tensor[]) => PieceSum, inputs: readonly tf.Tensor[]): void {
  const specs = inputs.map(({ shape, dtype }) => ({ dtype, shape: shape.slice(1) }));
  const { recorder } = trace('sum_pieces_captures', specs, (piece) => ({ outputs: [fn(piece).sum], extra: undefined }));
  binding.dropSymbols(recorder);
}

function rowsOf(inputs: readonly tf.Tensor[], at: tf.Tensor): tf.Tensor[] {
  return inputs.map((input) => rowOf(input, at));
}

function get(tensor: tf.Tensor | undefined): tf.Tensor {
  if (tensor === undefined) throw new Error('internal: a sum of pieces lost a part of its state');
  return tensor;
}
