import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { at, registerGradient } from './gradient.js';

/**
 * C = einsum('A,B->C', a, b):  ∂a = einsum('C,B->A', dy, b), ∂b = einsum('C,A->B', dy, a), and for one operand ∂a = einsum('C->A', dy).
 * A label of A that neither C nor B has was summed alone: the gradient is stretched along it.
 */
registerGradient<{ equation: string }>({
  kernel: 'Einsum',
  inputs: 'all',
  backward: (dys, operands, { equation }) => {
    const [left = '', output = ''] = equation.replaceAll(/\s/g, '').split('->');
    const terms = left.split(',');
    for (const term of [...terms, output]) refuseRepeated(term, equation);
    return Object.fromEntries(
      terms.map((term, index) => [
        String(index),
        () => {
          const others = terms.filter((_, other) => other !== index);
          const known = Array.from(term).filter(
            (label) => output.includes(label) || others.some((other) => other.includes(label)),
          );
          const gradient = tf.einsum(
            `${[output, ...others].join(',')}->${known.join('')}`,
            at(dys, 0),
            ...operands.filter((_, other) => other !== index),
          );
          const { shape } = at(operands, index);
          const stretched = Array.from(term).map((label, axis) => (known.includes(label) ? (shape[axis] ?? 1) : 1));
          return known.length === term.length ? gradient : tf.broadcastTo(tf.reshape(gradient, stretched), shape);
        },
      ]),
    );
  },
});

function refuseRepeated(term: string, equation: string): void {
  if (!/^[A-Za-z]*$/.test(term) || new Set(term).size !== term.length) {
    throw new TrainbookError({
      what: 'einsum: this equation has no gradient here',
      received: equation,
      expected: 'letters only, each at most once in a term, and an arrow, such as bqd,bkd->bqk',
      fix: 'take diagonals with tf.mul and a mask; write the axes of an ellipsis as letters',
    });
  }
}
