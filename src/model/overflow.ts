import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { customGradient, vectorJacobian } from '../engine/custom-gradient.js';
import { activeRecorder } from '../engine/recorder.js';

/** One of the rounds that tokens beyond the first one's room go through. */
export interface Round {
  /** Tokens of each expert in this round. */
  readonly room: number;
  /** The rank of the first of them. */
  readonly first: tf.Scalar;
}

/** How many rounds there are. */
export interface Overflow extends Pick<Round, 'room'> {
  /** Tokens of the fullest expert: int32 scalar. */
  readonly fullest: tf.Scalar;
  /** Tokens that an expert had room for before. */
  readonly first: number;
}

/**
 * Σ of `through(inputs, round)` over the rounds that the fullest expert needs: ⌈(fullest − first) / room⌉, often none. How many there
 * are is known only when it runs: a loop, whose gradient is the same loop over each round's own. Nothing is kept between the two;
 * a round is computed again in the backward pass.
 */
export function overflow(
  through: (inputs: readonly tf.Tensor[], round: Round) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  { fullest, first, room }: Overflow,
): tf.Tensor {
  const int = (value: number): tf.Scalar => tf.scalar(value, 'int32');
  const roundAt = (start: tf.Tensor): Round => ({ room, first: start as tf.Scalar });
  /** `add(round)` to each of the sums, for the ranks `first`, `first + room`, … below the fullest. */
  const sumOfRounds = (sums: readonly tf.Tensor[], add: (round: Round) => readonly tf.Tensor[]): tf.Tensor[] =>
    loop(
      ([start]) => tf.less(start as tf.Tensor, fullest),
      ([start, ...before]) => {
        const more = add(roundAt(start as tf.Tensor));
        return [
          tf.add(start as tf.Tensor, int(room)),
          ...before.map((sum, index) => tf.add(sum, more[index] as tf.Tensor)),
        ];
      },
      [int(first), ...sums],
      { name: 'overflow' },
    ).slice(1);
  const [x] = inputs;
  if (activeRecorder() === undefined) {
    // Outside a compiled function the rounds simply run, and tfjs's own gradients hold.
    const most = fullest.dataSync()[0] ?? 0;
    const rounds = Array.from({ length: Math.max(0, Math.ceil((most - first) / room)) }, (_, index) =>
      through(inputs, roundAt(int(first + index * room))),
    );
    return tf.addN([tf.zerosLike(x as tf.Tensor), ...rounds]);
  }
  const [y] = customGradient(
    inputs,
    () => sumOfRounds([tf.zerosLike(x as tf.Tensor)], (round) => [through(inputs, round)]),
    ([dy]) =>
      sumOfRounds(
        inputs.map((input) => tf.zeros(input.shape)),
        (round) => vectorJacobian(() => [through(inputs, round)], inputs, [dy as tf.Tensor]),
      ),
  );
  return y as tf.Tensor;
}
