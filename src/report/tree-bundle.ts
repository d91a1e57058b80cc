import { Tensor } from '@tensorflow/tfjs';
import { Cell } from '../engine/cell.js';
import type { Table } from '../figure.js';
import { describeArchitecture, type Described } from '../model/describe.js';
import type { MimeBundle } from './display.js';
import { formatBytes } from './format.js';
import { html } from './markup.js';

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** An architecture, or what has one: a model, a classifier, a head. */
export function describedOf(value: unknown): Described | undefined {
  if (!isObject(value)) return undefined;
  if ('specs' in value && 'numParameters' in value && typeof value.numParameters === 'number')
    return value as Described;
  return 'architecture' in value && 'weights' in value ? describedOf(value.architecture) : undefined;
}

/** A model as a tree of its layers, with shapes and parameters. */
export function modelBundle(described: Described): MimeBundle {
  return textBundle(describeArchitecture(described));
}

/** A model of TensorFlow.js's own layers. */
export interface LayersModel {
  readonly layers: readonly unknown[];
  summary(lineLength: undefined, positions: undefined, print: (line: string) => void): void;
}

export function isLayersModel(value: unknown): value is LayersModel {
  return (
    isObject(value) &&
    'layers' in value &&
    Array.isArray(value.layers) &&
    typeof Reflect.get(value, 'summary') === 'function'
  );
}

export function layersModelBundle(model: LayersModel): MimeBundle {
  const lines: string[] = [];
  model.summary(undefined, undefined, (line) => lines.push(line));
  return textBundle(lines.join('\n'));
}

/** Text whose columns are kept. */
export function textBundle(text: string): MimeBundle {
  const style = 'white-space:pre;overflow-x:auto;line-height:1.4;margin:4px 0;padding:0;background:none;color:inherit';
  return { 'text/plain': text, 'text/html': html`<pre style="${style}">${text}</pre>`.text };
}

/** Leaves of a tree that is shown, and how deep they may lie: what is larger, or leads back to itself, is left to be printed. */
const LEAVES = 20_000;
const DEPTH = 32;

type Leaf = Tensor | Cell;

/** The tensors and cells of a tree that holds nothing else. */
export function leavesOf(value: unknown): [path: string, leaf: Leaf][] | undefined {
  const entries: [string, Leaf][] = [];
  const visit = (node: unknown, path: string, depth: number): boolean => {
    if (node instanceof Tensor || node instanceof Cell) return entries.push([path, node]) <= LEAVES;
    if (!isObject(node) || depth > DEPTH) return false;
    const prototype: unknown = Object.getPrototypeOf(node);
    if (!Array.isArray(node) && prototype !== Object.prototype && prototype !== null) return false;
    return Object.entries(node).every(([name, child]) =>
      visit(child, path === '' ? name : `${path}.${name}`, depth + 1),
    );
  };
  return visit(value, '', 0) && entries.length > 0 ? entries : undefined;
}

const bytes: Readonly<Record<string, number>> = { bfloat16: 2, float16: 2, bool: 1, complex64: 8 };
const numElements = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** A tree of tensors or cells as a table, a line for each. */
export function treeTable(entries: readonly (readonly [path: string, leaf: Leaf])[]): Table {
  const rows = entries.map(([path, leaf]): [string, string, string, number] => [
    path,
    leaf.shape.length === 0 ? 'scalar' : leaf.shape.join(' × '),
    leaf instanceof Cell && leaf.storage !== leaf.dtype ? leaf.storage : leaf.dtype,
    numElements(leaf.shape),
  ]);
  const total = rows.reduce((sum, [, , , count]) => sum + count, 0);
  const size = rows.reduce((sum, [, , dtype, count]) => sum + count * (bytes[dtype] ?? 4), 0);
  const cells = entries.filter(([, leaf]) => leaf instanceof Cell).length;
  const kind = cells === entries.length ? 'cells' : cells === 0 ? 'tensors' : 'tensors and cells';
  return {
    title: `${entries.length.toLocaleString('en')} ${kind}, ${total.toLocaleString('en')} numbers, ${formatBytes(size)}`,
    columns: ['name', 'shape', 'dtype', 'numbers'],
    rows,
  };
}
