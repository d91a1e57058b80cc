import type { Rule } from '../trace.js';

export type Rules = Readonly<Record<string, Rule>>;

/** Makes the rule of an op; its name goes into the errors. */
export type RuleMaker = (op: string) => Rule;

/** Gives each rule the name of its op: `named({ Exp: unary(floats) })`. */
export function named(makers: Readonly<Record<string, RuleMaker>>): Rules {
  return Object.fromEntries(Object.entries(makers).map(([op, make]) => [op, make(op)]));
}

/** One maker for several ops: `each(['Sin', 'Cos'], unary(floats))`. */
export function each(ops: readonly string[], maker: RuleMaker): Readonly<Record<string, RuleMaker>> {
  return Object.fromEntries(ops.map((op) => [op, maker]));
}
