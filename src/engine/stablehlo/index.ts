// Lowering: traces as StableHLO programs, and rules of one's own.
export { stableHlo, type StableHloOptions } from './stable-hlo.js';
export { registerLowering } from './registry.js';
export { customCall, type CustomCallOptions } from './custom-call.js';
export { checkLowering, type CheckedInput, type LoweringCheck } from './check.js';
export type { LoweringRule, Operation as LoweringOperation } from './rule.js';
export type { ProductPrecision, Value as LoweredValue, Writer as LoweringWriter } from './writer.js';
