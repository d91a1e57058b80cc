/** Ops that only stand between others: several values in, the same values out. */
import { named } from './named.js';
import { noFlops } from './flops.js';
import type { RuleMaker } from './named.js';

const passAll: RuleMaker = () => ({
  list: 'all',
  infer: (inputs) => inputs.map(({ spec }) => spec),
  flops: noFlops,
});

export const structure = named({
  /** What comes before it is computed before what comes after: XLA must not merge or move work across. */
  XlaOptimizationBarrier: passAll,
  IdentityN: passAll,
  /** Where its value lies on a mesh of devices. */
  XlaSharding: () => ({ infer: ([input]) => (input === undefined ? [] : [input.spec]), flops: noFlops }),
});
