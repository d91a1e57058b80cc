/**
 * Einstein summation of one or two tensors: 'bhqd,bhkd->bhqk'. A letter names an axis; what the result does not have is summed;
 * `...` stands for axes that stretch.
 */
import type { Attributes, Rule, RuleInput, Spec } from '../trace.js';
import { sizeOf } from '../trace.js';
import { stringOf } from './attributes.js';
import { broadcastShapes } from './broadcast.js';
import { any, requireDtype } from './dtypes.js';
import { takeList } from './inputs.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

interface Terms {
  readonly inputs: readonly string[];
  readonly output: string;
}

/** Parts 'ij,jk->ik'; undefined where it is no equation. */
function parse(equation: string): Terms | undefined {
  const [left, output, ...more] = equation.split('->');
  if (left === undefined || output === undefined || more.length > 0) return undefined;
  const inputs = left.split(',');
  const isTerm = (term: string): boolean => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term);
  return [...inputs, output].every(isTerm) ? { inputs, output } : undefined;
}

/** The size of each letter, and the stretched shape of `...`. */
interface Sizes {
  readonly letters: ReadonlyMap<string, number>;
  readonly ellipsis: readonly number[];
}

function sizesOf(op: string, equation: string, terms: Terms, inputs: readonly RuleInput[]): Sizes {
  const letters = new Map<string, number>();
  const ellipses: (readonly number[])[] = [];
  for (const [index, term] of terms.inputs.entries()) {
    const shape = inputs[index]?.spec.shape ?? [];
    const [before = '', after] = term.split('...');
    const numNamed = before.length + (after?.length ?? 0);
    if (after === undefined ? shape.length !== numNamed : shape.length < numNamed) {
      refuse(op, inputs, `input ${index} has rank ${shape.length}, '${equation}' names ${numNamed} axes`, `'${term}'`);
    }
    const afterStart = shape.length - (after?.length ?? 0);
    const named = [...Array.from(before, (letter, axis) => [letter, shape[axis] ?? 0] as const)];
    named.push(...Array.from(after ?? '', (letter, axis) => [letter, shape[afterStart + axis] ?? 0] as const));
    for (const [letter, size] of named) {
      if ((letters.get(letter) ?? size) !== size) {
        refuse(
          op,
          inputs,
          `'${letter}' in '${equation}' is ${letters.get(letter) ?? 0} and ${size}`,
          'one size for a letter',
        );
      }
      letters.set(letter, size);
    }
    if (after !== undefined) ellipses.push(shape.slice(before.length, afterStart));
  }
  const ellipsis = broadcastShapes(...ellipses);
  if (ellipsis === undefined)
    return refuse(op, inputs, `the axes of '...' in '${equation}' do not broadcast`, 'sizes that are equal or 1');
  return { letters, ellipsis };
}

function inferEinsum(op: string, inputs: readonly RuleInput[], attributes: Attributes): readonly Spec[] {
  takeList(op, inputs);
  const equation = stringOf(attributes, 'equation');
  const terms = parse(equation);
  if (terms === undefined || terms.inputs.length !== inputs.length || inputs.length > 2) {
    return refuse(
      op,
      inputs,
      `'${equation}' is no equation for ${inputs.length} tensors`,
      "one term for each of at most two tensors and a result, such as 'ij,jk->ik'",
    );
  }
  const { letters, ellipsis } = sizesOf(op, equation, terms, inputs);
  const expand = (part: string): readonly number[] =>
    Array.from(
      part,
      (letter) =>
        letters.get(letter) ?? refuse(op, inputs, `'${letter}' of the result is in no input of '${equation}'`),
    );
  const [before = '', after] = terms.output.split('...');
  if (after === undefined && ellipsis.length > 0) {
    refuse(
      op,
      inputs,
      `the result of '${equation}' has no '...'`,
      'an ellipsis in the result where the inputs have one',
    );
  }
  const shape = [...expand(before), ...(after === undefined ? [] : ellipsis), ...expand(after ?? '')];
  return [{ dtype: requireDtype(op, any, ...inputs), shape }];
}

/** A product and an addition for each combination of all axes; with one tensor, an addition for each of its elements. */
function einsumFlops(inputs: readonly Spec[], _outputs: readonly Spec[], attributes: Attributes): number {
  const terms = parse(stringOf(attributes, 'equation'));
  const [only] = inputs;
  if (terms === undefined || only === undefined) return 0;
  if (inputs.length === 1) return sizeOf(only.shape);
  const { letters, ellipsis } = sizesOf(
    'Einsum',
    stringOf(attributes, 'equation'),
    terms,
    inputs.map((spec) => ({ spec })),
  );
  return 2 * sizeOf([...letters.values(), ...ellipsis]);
}

const rule: RuleMaker = (op): Rule => ({
  list: 'all',
  infer: (inputs, attributes) => inferEinsum(op, inputs, attributes),
  flops: einsumFlops,
});

export const einsum = named({ Einsum: rule });
