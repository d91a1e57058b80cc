import type { LoweringRule, LoweringRules } from './rule.js';
import { typeOf } from './writer.js';

/** Where a value lies on the mesh: a mark for XLA's partitioner, which takes it out. */
const mark: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const layout = operation.string('sharding', '{replicated}');
  const type = typeOf(x);
  return write.emit(
    x,
    `stablehlo.custom_call @Sharding(${x.name}) {mhlo.sharding = "${layout}"} : (${type}) -> ${type}`,
  );
};

export const shardings: LoweringRules = { XlaSharding: mark };
