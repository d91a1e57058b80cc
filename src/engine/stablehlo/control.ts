import type { LoweringRule, LoweringRules } from './rule.js';
import { typeOf } from './writer.js';

/** Loops and calls: ops that hold traces of their own. */

/** While cond(state): state = body(state). */
const whileLoop: LoweringRule = (operation, write) => {
  const state = operation.inputs();
  const part = (name: string): string => write.region(state, (inner, args) => operation.inline(name, args, inner));
  const types = state.map(typeOf).join(', ');
  return write.emitMany(
    state,
    `"stablehlo.while"(${state.map(({ name }) => name).join(', ')}) (${part('cond')}, ${part('body')}) : (${types}) -> (${types})`,
  );
};

/** A function of the module, called. */
const callFunction: LoweringRule = (operation, write) => {
  const args = operation.inputs();
  const types = `(${args.map(typeOf).join(', ')}) -> (${operation.outputs.map(typeOf).join(', ')})`;
  const name = operation.functionOf('f');
  return write.emitMany(
    operation.outputs,
    `func.call @${name}(${args.map(({ name: arg }) => arg).join(', ')}) : ${types}`,
  );
};

export const control: LoweringRules = { PartitionedCall: callFunction, StatelessWhile: whileLoop };
