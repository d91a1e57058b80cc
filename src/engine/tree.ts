/**
 * Trees: values in arrays and plain objects, as models, optimizer states and batches are. Arrays and plain objects are
 * branches; everything else (a tensor, a cell, a number, a key's word) is a leaf. Order is that of the array or of the keys.
 */
export type Tree<T> = T | readonly Tree<T>[] | { readonly [key: string]: Tree<T> };

/** Whether a node is a branch. */
export function isBranch(node: unknown): node is readonly unknown[] | Readonly<Record<string, unknown>> {
  if (Array.isArray(node)) return true;
  if (node === null || typeof node !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The leaves with their paths, in order.
 *
 * @example
 * treeEntries({ layers: [{ weight: a }, { weight: b }] });  // [['layers.0.weight', a], ['layers.1.weight', b]]
 */
export function treeEntries<T>(tree: Tree<T>): [path: string, leaf: T][] {
  const entries: [string, T][] = [];
  const visit = (node: unknown, path: string): void => {
    if (!isBranch(node)) entries.push([path, node as T]);
    else for (const [key, child] of Object.entries(node)) visit(child, path === '' ? key : `${path}.${key}`);
  };
  visit(tree, '');
  return entries;
}

/** The leaves, in order. */
export function flatten<T>(tree: Tree<T>): T[] {
  return treeEntries(tree).map(([, leaf]) => leaf);
}

/** The same structure with `fn(leaf, path)` in place of each leaf. */
export function mapTree<T, Result>(tree: Tree<T>, fn: (leaf: T, path: string) => Result): Tree<Result> {
  const visit = (node: unknown, path: string): Tree<Result> => {
    if (!isBranch(node)) return fn(node as T, path);
    if (Array.isArray(node))
      return node.map((child, index) => visit(child, path === '' ? String(index) : `${path}.${index}`));
    return Object.fromEntries(
      Object.entries(node).map(([key, child]) => [key, visit(child, path === '' ? key : `${path}.${key}`)]),
    );
  };
  return visit(tree, '');
}

/**
 * Puts leaves back into the structure of `like`: `unflatten(tree, flatten(tree))` is `tree`.
 *
 * @throws Error (ours) where the numbers of leaves differ.
 */
export function unflatten<Result>(like: Tree<unknown>, leaves: readonly Result[]): Tree<Result> {
  let next = 0;
  const tree = mapTree(like, () => leaves[next++] as Result);
  if (next !== leaves.length) throw new Error(`internal: unflatten got ${leaves.length} leaves for ${next} places`);
  return tree;
}

/** The arguments of a call with other leaves: their types are the caller's affair. */
export function unflattenArguments<Arguments extends readonly unknown[]>(
  args: Arguments,
  leaves: readonly unknown[],
): Arguments {
  const replaced: unknown = unflatten(args, leaves);
  return replaced as Arguments;
}
