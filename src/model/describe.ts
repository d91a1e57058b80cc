import type { Tree } from '../engine/tree.js';
import { countParameters } from './cost.js';
import { WeightSpec } from './weights.js';

/*
 * mlpClassifier({ sizes: [8, 8, 8, 2] }) and bert('minilm') as text:
 *
 * mlpClassifier: 162 parameters
 * sizes 8–8–8–2, activation relu, dropout 0
 * └─ layers                             162
 *    ├─ 0–1   2 times (8 × 8 + bias)    144
 *    └─ 2     8 × 2 + bias               18
 *
 * encoder: 22,565,376 parameters
 * …
 * └─ layers             6 times             10,646,784
 *    ├─ attention                              591,360
 *    │  ├─ query        384 × 384 + bias       147,840
 *    …
 */

/** What can be described: a decoder, an encoder, a classifier, a head. */
export interface Described {
  readonly kind?: string;
  readonly config?: object;
  readonly numParameters: number;
  readonly specs: Tree<WeightSpec>;
}

/** A line of a description. */
interface Line {
  /** The branches of the tree, and the name. */
  readonly name: string;
  readonly shape: string;
  readonly count: number;
}

/**
 * An architecture as an indented tree, each part with its shape and its parameters; equal blocks stand there once, with their number.
 *
 * @param heads Described below the trunk, each by its name.
 * @example
 * console.log(describe(mlpClassifier({ sizes: [1000, 512, 256, 10] })));
 */
export function describe(architecture: Described, heads: Readonly<Record<string, Described>> = {}): string {
  const { kind = 'head', config = {}, specs } = architecture;
  const ofHeads = Object.entries(heads).map(([name, head]) => [name, head.specs] as const);
  const whole = ofHeads.length === 0 ? specs : { ...asParts(specs), heads: Object.fromEntries(ofHeads) };
  const lines = linesOf(whole, '');
  const widest = (of: (line: Line) => string): number => Math.max(0, ...lines.map((line) => of(line).length));
  const [names, shapes, counts] = [
    widest(({ name }) => name),
    widest(({ shape }) => shape),
    widest(({ count }) => grouped(count)),
  ];
  const text = lines.map(
    ({ name, shape, count }) => `${name.padEnd(names)}   ${shape.padEnd(shapes)}   ${grouped(count).padStart(counts)}`,
  );
  return [`${kind}: ${grouped(countParameters(whole))} parameters`, ...optionsOf(config), ...text].join('\n');
}

const grouped = (count: number): string => count.toLocaleString('en-US');

/** The longest line of options, in characters. */
const lineLength = 100;

/** A config's plain values. */
function optionsOf(config: object): string[] {
  const plain = Object.entries(config).flatMap(([name, value]: [string, unknown]) => {
    if (Array.isArray(value)) return [`${name} ${value.join('–')}`];
    return ['string', 'number', 'boolean'].includes(typeof value) ? [`${name} ${String(value)}`] : [];
  });
  return plain.reduce<string[]>((lines, option) => {
    const last = lines.at(-1);
    if (last === undefined || `${last}, ${option}`.length > lineLength) return [...lines, option];
    return [...lines.slice(0, -1), `${last}, ${option}`];
  }, []);
}

/** The named parts of a tree; a list's are numbered. */
function asParts(tree: Tree<WeightSpec>): Readonly<Record<string, Tree<WeightSpec>>> {
  return tree instanceof WeightSpec ? {} : (tree as Readonly<Record<string, Tree<WeightSpec>>>);
}

function linesOf(tree: Tree<WeightSpec>, indent: string): Line[] {
  const parts = merged(tree);
  return parts.flatMap(({ name, part, times }, index) => {
    const isLast = index === parts.length - 1;
    const one = shapeOf(part);
    const shape = times === 1 ? (one ?? '') : `${times} times${one === undefined ? '' : ` (${one})`}`;
    const line = { name: `${indent}${isLast ? '└─ ' : '├─ '}${name}`, shape, count: times * countParameters(part) };
    return one === undefined ? [line, ...linesOf(part, `${indent}${isLast ? '   ' : '│  '}`)] : [line];
  });
}

interface Part {
  readonly name: string;
  readonly part: Tree<WeightSpec>;
  readonly times: number;
}

/** The parts of a tree that have weights: neighbours of a list that are alike are one, and a list of equals is its element. */
function merged(tree: Tree<WeightSpec>): Part[] {
  const found: Part[] = [];
  const isList = Array.isArray(tree);
  for (const [name, part] of Object.entries(asParts(tree))) {
    const before = found.at(-1);
    if (countParameters(part) === 0) continue;
    if (isList && before !== undefined && sameShapes(before.part, part)) {
      const [first = name] = before.name.split('–');
      found[found.length - 1] = { name: `${first}–${name}`, part, times: before.times + 1 };
    } else found.push(listOfEquals(name, part));
  }
  return found;
}

function listOfEquals(name: string, part: Tree<WeightSpec>): Part {
  const [only, ...others] = Array.isArray(part) ? merged(part) : [];
  return only === undefined || others.length > 0
    ? { name, part, times: 1 }
    : { name, part: only.part, times: only.times };
}

function sameShapes(one: Tree<WeightSpec>, other: Tree<WeightSpec>): boolean {
  const shapes = (tree: Tree<WeightSpec>): string =>
    JSON.stringify(tree, (_, value: unknown) => (value instanceof WeightSpec ? value.shape : value));
  return shapes(one) === shapes(other);
}

/** `768 × 3072 + bias` for a linear layer, `768 + bias` for a norm, `30522 × 768` for a table; undefined for what has parts of its own. */
function shapeOf(part: Tree<WeightSpec>): string | undefined {
  if (part instanceof WeightSpec) return part.shape.join(' × ');
  const { weight, bias, ...others } = asParts(part);
  if (!(weight instanceof WeightSpec) || Object.keys(others).length > 0) return undefined;
  return `${weight.shape.join(' × ')}${bias === undefined ? '' : ' + bias'}`;
}
