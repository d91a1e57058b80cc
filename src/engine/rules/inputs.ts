import type { RuleInput, Spec } from '../trace.js';
import { sizeOf } from '../trace.js';
import { refuse, refuseDataDependentShape } from './refuse.js';

type Named<Names extends readonly string[]> = { readonly [Position in keyof Names]: RuleInput };

/**
 * The inputs of an op, one for each name: `const [a, b] = takeInputs('MatMul', inputs, 'a', 'b')`.
 *
 * @throws Error when there are more or fewer: whoever recorded the trace is wrong, not the user
 */
export function takeInputs<const Names extends readonly string[]>(
  op: string,
  inputs: readonly RuleInput[],
  ...names: Names
): Named<Names> {
  if (inputs.length !== names.length) {
    throw new Error(`${op} takes ${names.length} inputs (${names.join(', ')}), the trace gives ${inputs.length}`);
  }
  return inputs as unknown as Named<Names>;
}

/** The inputs of an op that takes a list of one and more. */
export function takeList(op: string, inputs: readonly RuleInput[]): readonly [RuleInput, ...RuleInput[]] {
  const [first, ...rest] = inputs;
  if (first === undefined) throw new Error(`${op} takes at least one input, the trace gives none`);
  return [first, ...rest];
}

/** The elements of an input, where they are known while tracing. An input without elements always is. */
export function knownOrNot({ spec, constant }: RuleInput): readonly number[] | undefined {
  if (sizeOf(spec.shape) === 0) return [];
  return constant === undefined ? undefined : Array.from(constant as ArrayLike<number | bigint>, Number);
}

/**
 * The elements of an input that decides a shape, such as `shape` of `Reshape`.
 *
 * @throws TrainbookError when they are not known while tracing
 */
export function known(op: string, name: string, input: RuleInput): readonly number[] {
  return (
    knownOrNot(input) ??
    refuseDataDependentShape(
      op,
      `\`${name}\``,
      `make \`${name}\` from numbers and shapes; or compute it outside of the compiled function and pass it as a number (a new value traces again)`,
    )
  );
}

/** The one element of an input that decides a shape, such as `axis` of `ConcatV2`; a vector of one is taken where TensorFlow takes it. */
export function knownNumber(
  op: string,
  name: string,
  input: RuleInput,
  form: 'scalar' | 'scalar or [1]' = 'scalar',
): number {
  const { shape } = input.spec;
  if (form === 'scalar' ? shape.length !== 0 : sizeOf(shape) !== 1) {
    refuse(op, [input], `\`${name}\` is one number`, form === 'scalar' ? 'a scalar' : 'one element');
  }
  const [value] = known(op, name, input);
  if (value === undefined) throw new Error(`${op}: the constant ${name} has no elements`);
  return value;
}

/** The elements of an input that lists sizes or axes: a vector. */
export function knownVector(op: string, name: string, input: RuleInput): readonly number[] {
  if (input.spec.shape.length !== 1) refuse(op, [input], `\`${name}\` is a vector`, 'rank 1');
  return known(op, name, input);
}

/** A vector of sizes: none negative. */
export function knownSizes(op: string, name: string, input: RuleInput): readonly number[] {
  const sizes = knownVector(op, name, input);
  if (sizes.some((size) => size < 0)) refuse(op, [input], `\`${name}\` is ${sizes.join(', ')}`, 'no negative sizes');
  return sizes;
}

/** Refuses an input of another rank. */
export function requireRank(
  op: string,
  inputs: readonly RuleInput[],
  input: RuleInput,
  rank: number,
  name: string,
): void {
  if (input.spec.shape.length !== rank) {
    refuse(op, inputs, `\`${name}\` has rank ${input.spec.shape.length}`, rank === 0 ? 'a scalar' : `rank ${rank}`);
  }
}

/** Refuses an input of lower rank. */
export function requireRankAtLeast(
  op: string,
  inputs: readonly RuleInput[],
  input: RuleInput,
  rank: number,
  name: string,
): void {
  if (input.spec.shape.length < rank) {
    refuse(op, inputs, `\`${name}\` has rank ${input.spec.shape.length}`, `rank ${rank} or more`);
  }
}

/** Whether two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Refuses inputs that do not all have one shape. */
export function requireSameShape(op: string, inputs: readonly RuleInput[]): void {
  const [first, ...rest] = takeList(op, inputs);
  if (!rest.every(({ spec }) => sameShape(spec.shape, first.spec.shape)))
    refuse(op, inputs, 'shapes differ', 'one shape');
}

/** The size of an axis that is known to exist. */
export function sizeAt({ shape }: Spec, axis: number): number {
  const size = shape.at(axis);
  if (size === undefined) throw new Error(`axis ${axis} of shape [${shape.join(', ')}]`);
  return size;
}
