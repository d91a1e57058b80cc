import fc from 'fast-check';
import { expect, it } from 'vitest';
import { flatten, mapTree, type Tree, treeEntries, unflatten } from '../../src/engine/tree.js';

const trees = fc.letrec<{ tree: Tree<number> }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('weight', 'bias', 'layers'), tie('tree'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).tree;

it('comes back from its leaves', () => {
  fc.assert(
    fc.property(trees, (tree) => {
      expect(unflatten(tree, flatten<number>(tree))).toEqual(tree);
      expect(flatten(mapTree<number, number>(tree, (leaf) => leaf + 1))).toEqual(
        flatten<number>(tree).map((leaf) => leaf + 1),
      );
    }),
  );
});

it('names leaves by their paths', () => {
  expect(treeEntries<number>({ layers: [{ weight: 1 }, { weight: 2 }], bias: 3 })).toEqual([
    ['layers.0.weight', 1],
    ['layers.1.weight', 2],
    ['bias', 3],
  ]);
});

it('refuses the wrong number of leaves', () => {
  expect(() => unflatten([1, 2], ['a', 'b', 'c'])).toThrow(/3 leaves for 2 places/);
});
