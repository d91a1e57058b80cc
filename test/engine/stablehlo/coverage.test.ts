import { describe, expect, it } from 'vitest';
import { rules as shapeRules } from '../../../src/engine/rules/index.js';
import { impossible } from '../../../src/engine/stablehlo/impossible.js';
import { rules } from '../../../src/engine/stablehlo/rules.js';

/** All that a trace can hold: what has a shape rule, and what holds traces of its own. */
const traceable = [...Object.keys(shapeRules), 'StatelessWhile', 'PartitionedCall'];

describe('lowering', () => {
  it('has a rule for every op that a trace can hold, but for those that cannot have one', () => {
    const possible = traceable.filter((op) => impossible[op] === undefined);
    expect(possible.filter((op) => !rules.has(op))).toEqual([]);
    expect(possible.filter((op) => rules.has(op)).length / possible.length).toBe(1);
  });

  it('says of each exception why, and gives none of them a rule', () => {
    expect(Object.keys(impossible).filter((op) => rules.has(op) || !traceable.includes(op))).toEqual([]);
  });

  it('has no rule that nothing can use', () => {
    expect([...rules.keys()].filter((op) => !traceable.includes(op))).toEqual([]);
  });
});
