import type { Json } from '../../files.js';

export type Leaf = string | number | boolean | null;

/** A config's leaves by their paths, `train.steps`; an array is one leaf, as JSON. */
export function flatten(config: Readonly<Record<string, Json>>): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const visit = (value: Json, path: string): void => {
    if (Array.isArray(value)) leaves.set(path, JSON.stringify(value));
    else if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value);
      if (entries.length === 0) leaves.set(path, '{}');
      for (const [key, item] of entries) visit(item, path === '' ? key : `${path}.${key}`);
    } else leaves.set(path, value);
  };
  for (const [key, value] of Object.entries(config)) visit(value, key);
  return leaves;
}
