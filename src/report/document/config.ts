import type { Json } from '../../files.js';
import { formatNumber } from '../format.js';
import type { Block } from './document.js';
import { text } from './document.js';

/** Branches of a JSON value as paths and their leaves; lists of plain values are leaves. */
export function leaves(value: Json, path = ''): [path: string, leaf: string][] {
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
  if (value === null) return [[path, 'none']];
  if (typeof value === 'number') return [[path, formatNumber(value)]];
  if (typeof value !== 'object') return [[path, String(value)]];
  if (Array.isArray(value)) {
    const plain = value.every((item) => typeof item !== 'object' || item === null);
    if (plain) return [[path, value.length === 0 ? 'none' : value.map(String).join(', ')]];
    return value.flatMap((item: Json, index) => leaves(item, below(String(index))));
  }
  return Object.entries(value).flatMap(([key, item]) => leaves(item, below(key)));
}

type Config = Readonly<Record<string, Json>>;

/** The values that differ, by path: `[path, before, after]`, with `not set` on the side that has none. */
export function configDiff(before: Config, after: Config): [path: string, before: string, after: string][] {
  const [old, now] = [new Map(leaves(before)), new Map(leaves(after))];
  const paths = new Set([...old.keys(), ...now.keys()]);
  return [...paths]
    .filter((path) => old.get(path) !== now.get(path))
    .map((path) => [path, old.get(path) ?? 'not set', now.get(path) ?? 'not set']);
}

/** What was changed to the experiment's own config, and all values. */
export function configBlocks(config: Config, defaults: Config | undefined): Block[] {
  const diff = defaults === undefined ? [] : configDiff(defaults, config);
  const changes: Block[] =
    defaults === undefined
      ? [text('This run keeps no record of the defaults of its experiment.')]
      : diff.length === 0
        ? [text('All values are the defaults of the experiment.')]
        : [
            {
              kind: 'table',
              id: 'config-diff',
              codes: ['path'],
              table: { title: 'Changed in this run', columns: ['path', 'default', 'this run'], rows: diff },
            },
          ];
  return [
    ...changes,
    {
      kind: 'facts',
      id: 'config',
      title: 'All values',
      shape: 'paths',
      facts: Object.fromEntries(leaves(config)),
    },
    { kind: 'code', label: 'As JSON', text: JSON.stringify(config, undefined, 2) },
  ];
}
