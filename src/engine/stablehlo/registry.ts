import { rules } from './rules.js';
import type { LoweringRule } from './rule.js';

/** Rules of users, which go before those of the library. */
const registered = new Map<string, LoweringRule>();

/**
 * Gives an op a rule: one that has none, or another one than the library's (an operator of a new chip). It holds for all
 * programs printed from then on; the function returned takes it back. `checkLowering` compares it with the rule before.
 *
 * @example
 * const undo = registerLowering('Relu6', (op, write) => {
 *   const x = op.input(0);
 *   return write.binary('minimum', write.binary('maximum', x, write.fill(x, 0)), write.fill(x, 6));
 * });
 * undo();
 */
export function registerLowering(op: string, rule: LoweringRule): () => void {
  const before = registered.get(op);
  registered.set(op, rule);
  return () => {
    if (registered.get(op) !== rule) return;
    if (before === undefined) registered.delete(op);
    else registered.set(op, before);
  };
}

/** The rule of an op: the user's, else the library's. */
export function ruleOf(op: string): LoweringRule | undefined {
  return registered.get(op) ?? rules.get(op);
}
