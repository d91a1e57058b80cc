import type { Spec } from '../trace.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import type { Value, Writer } from './writer.js';

/**
 * A sum over products by its indices, such as `bthd,bshd->bhts`: indices of both operands that the result keeps are batch,
 * those it lacks are summed. `...` stands for axes that stretch; an index that a term names twice takes its diagonal.
 */

/** An operand with a letter for each of its axes. */
interface Term {
  readonly letters: string;
  readonly x: Value;
}

const without = (letters: string, gone: string): string =>
  Array.from(letters)
    .filter((letter) => !gone.includes(letter))
    .join('');

/** Characters for the axes of `...`, from the last one on: they are no letters, so no equation has them. */
const ellipsisAxes = '9876543210';

/** The term with a character for each axis: `b...d` of rank 4 is `b89d`. */
function spelt(term: string, rank: number): string {
  if (!term.includes('...')) return term;
  const count = rank - (term.length - 3);
  return term.replace('...', count === 0 ? '' : Array.from(ellipsisAxes.slice(0, count)).reverse().join(''));
}

/** The diagonal of axes with one letter: elements off it are 0, and one of the axes is summed. */
function diagonal(write: Writer, { letters, x }: Term): Term {
  const second = Array.from(letters).findIndex((letter, axis) => letters.indexOf(letter) < axis);
  if (second < 0) return { letters, x };
  const first = letters.indexOf(letters.charAt(second));
  const places: Spec = { dtype: 'int32', shape: x.shape };
  const on = write.compare('EQ', write.iota(places, first), write.iota(places, second));
  const zero = write.fill({ dtype: x.dtype, shape: [] }, 0);
  const summed = write.reduce('add', write.select(on, x, write.broadcast(zero, x.shape)), zero, [second]);
  return diagonal(write, { letters: letters.slice(0, second) + letters.slice(second + 1), x: summed });
}

/** Without letters that no other term has: they are summed. */
function summedAlone(write: Writer, { letters, x }: Term, others: string): Term {
  const alone = Array.from(letters).filter((letter) => !others.includes(letter));
  if (alone.length === 0) return { letters, x };
  const zero = write.fill({ dtype: x.dtype, shape: [] }, 0);
  const axes = alone.map((letter) => letters.indexOf(letter));
  return { letters: without(letters, alone.join('')), x: write.reduce('add', x, zero, axes) };
}

/** Without axes of size 1 that stretch to another size in the other operand. */
function unstretched(write: Writer, { letters, x }: Term, other: Term): Term {
  const sizeIn = (term: Term, letter: string): number => term.x.shape[term.letters.indexOf(letter)] ?? 1;
  const stretched = Array.from(letters).filter(
    (letter) => sizeIn({ letters, x }, letter) === 1 && sizeIn(other, letter) !== 1,
  );
  if (stretched.length === 0) return { letters, x };
  const shape = x.shape.filter((_, axis) => !stretched.includes(letters.charAt(axis)));
  return { letters: without(letters, stretched.join('')), x: write.reshape(x, shape) };
}

/** The axes in the order of the result. */
const arranged = (write: Writer, { letters, x }: Term, to: string): Value =>
  write.transpose(
    x,
    Array.from(to, (letter) => letters.indexOf(letter)),
  );

function termsOf(operation: Operation, write: Writer): { readonly terms: Term[]; readonly to: string } {
  const equation = operation.string('equation', '').replaceAll(' ', '');
  const [from = '', result = ''] = equation.split('->');
  const to = spelt(result, operation.output.shape.length);
  const named = from.split(',');
  if (!equation.includes('->') || new Set(to).size !== to.length || named.length > 2) {
    throw operation.refuse(
      'this equation has no rule',
      equation,
      "one or two operands, '->', each index once in the result",
    );
  }
  const terms = named.map((term, index): Term => {
    const x = operation.input(index);
    return diagonal(write, { letters: spelt(term, x.shape.length), x });
  });
  return { terms, to };
}

const einsum: LoweringRule = (operation, write) => {
  const { terms, to } = termsOf(operation, write);
  const [first, second] = terms;
  if (first === undefined) throw new Error('internal: an equation has an operand');
  if (second === undefined) return arranged(write, summedAlone(write, first, to), to);
  const a = summedAlone(write, unstretched(write, first, second), second.letters + to);
  const b = summedAlone(write, unstretched(write, second, first), first.letters + to);
  const shared = Array.from(a.letters).filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => to.includes(letter));
  const summed = shared.filter((letter) => !to.includes(letter));
  const axes = (letters: readonly string[]): readonly [number[], number[]] => [
    letters.map((letter) => a.letters.indexOf(letter)),
    letters.map((letter) => b.letters.indexOf(letter)),
  ];
  const { dtype } = operation.output;
  const half = dtype === 'bfloat16' || dtype === 'float16';
  const product = write.dot(a.x, b.x, { batch: axes(batch), contracting: axes(summed) }, half ? 'float32' : dtype);
  const letters = [batch.join(''), without(a.letters, shared.join('')), without(b.letters, shared.join(''))].join('');
  return arranged(write, { letters, x: write.convert(product, dtype) }, to);
};

export const einsums: LoweringRules = { Einsum: einsum };
