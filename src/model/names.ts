import * as tf from '@tensorflow/tfjs';
import { mapTree, treeEntries } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { LinearOperator } from './linear.js';
import type { StoredTensor, WritableTensor } from './files/stored-tensor.js';
import type { WeightSpec } from './weights.js';

/**
 * Which weight of a tree is which tensor of a file: `*` stands for a layer's number. Matrices that are `turned` lie as [inputs, outputs]
 * in the tree and as [outputs, inputs] in files (`linear.ts` says why). Several paths are one tensor in the file, side by side along
 * the outputs. A name with `#` is several tensors, of which the weight is the stack: one for each expert, `#` being its number.
 */
export interface NameRule {
  readonly path: string | readonly string[];
  readonly name: string;
  readonly turned?: true;
}

/** A linear layer's two rules: `weight`, turned, and `bias`. */
export function linearNames(path: string, name: string): NameRule[] {
  return [
    { path: `${path}.weight`, name: `${name}.weight`, turned: true },
    { path: `${path}.bias`, name: `${name}.bias` },
  ];
}

/** A norm's two rules. */
export function normNames(path: string, name: string): NameRule[] {
  return [
    { path: `${path}.weight`, name: `${name}.weight` },
    { path: `${path}.bias`, name: `${name}.bias` },
  ];
}

/** One tensor of a file, and the weights that it holds. */
export interface NamedTensor {
  readonly name: string;
  readonly paths: readonly string[];
  readonly turned: boolean;
  /** Which part of the weight's first axis it is; undefined: all of it. */
  readonly part?: number;
}

/** The tensors that a tree's weights are in files, in the order of the tree. */
export function namedTensors(tree: Tree<unknown>, rules: readonly NameRule[]): NamedTensor[] {
  const byPath = new Map(rules.flatMap((rule) => [rule.path].flat().map((path) => [path, rule] as const)));
  const found = new Map<string, NamedTensor>();
  for (const [path, leaf] of treeEntries(tree)) {
    const number = /(?:^|\.)(\d+)\./.exec(path)?.[1] ?? '';
    const rule = byPath.get(path.replace(/(^|\.)\d+\./, '$1*.'));
    if (rule === undefined) throw new Error(`internal: the weight ${path} has no name in files`);
    const name = rule.name.replace('*', number);
    const paths = [rule.path].flat().map((each) => each.replace('*', number));
    const turned = rule.turned === true;
    if (name.includes('#')) {
      const [parts = 0] = (leaf as { readonly shape: readonly number[] }).shape;
      for (let part = 0; part < parts; part++) {
        const own = name.replace('#', String(part));
        found.set(own, { name: own, paths, turned, part });
      }
    } else found.set(name, { name, paths, turned });
  }
  return [...found.values()];
}

/**
 * The weights as files have them, each made when it is asked for: to be written one after another.
 *
 * @throws TrainbookError if one is an operator: files hold numbers.
 */
export function writableWeights(
  weights: Tree<tf.Tensor>,
  rules: readonly NameRule[],
): Map<string, Exclude<WritableTensor, StoredTensor>> {
  const byPath = new Map(treeEntries<tf.Tensor>(weights));
  const writable = new Map<string, Exclude<WritableTensor, StoredTensor>>();
  for (const { name, paths, turned, part } of namedTensors(weights, rules)) {
    const operator = paths.find((path) => (byPath.get(path) as unknown) instanceof LinearOperator);
    if (operator !== undefined) {
      throw new TrainbookError({
        what: `the weight ${operator} cannot be written: it is known by what it does, not by its numbers`,
        received: 'a LinearOperator, such as a matrix with an adapter beside it',
        expected: 'a tensor',
        fix: 'merge the adapter first, with mergeLora',
      });
    }
    const parts = paths.map((path) => byPath.get(path) as tf.Tensor);
    writable.set(name, {
      dtype: 'F32',
      ...(part === undefined ? joinedTensor(parts, turned) : partOf(parts, part, turned)),
    });
  }
  return writable;
}

interface Readable {
  readonly shape: readonly number[];
  read(): Promise<StoredTensor>;
}

/** One matrix of a stack, as one tensor of a file. */
function partOf([stack]: readonly tf.Tensor[], part: number, turned: boolean): Readable {
  if (stack === undefined) throw new Error('internal: a stack of nothing');
  const shape = stack.shape.slice(1);
  if (turned) shape.reverse();
  return {
    shape,
    read: async () => {
      const own = tf.tidy(() => {
        const sliced = tf.slice(stack, [part, ...shape.map(() => 0)], [1, ...stack.shape.slice(1)]);
        const matrix = tf.reshape(sliced, stack.shape.slice(1));
        return turned ? tf.transpose(matrix) : matrix;
      });
      const elements = await own.data();
      own.dispose();
      return { shape, elements };
    },
  };
}

/** Weights side by side along the outputs, as one tensor of a file. */
function joinedTensor(parts: readonly tf.Tensor[], turned: boolean): Readable {
  const shape = [...(parts[0]?.shape ?? [])];
  if (parts.length > 1) shape[shape.length - 1] = parts.reduce((sum, part) => sum + (part.shape.at(-1) ?? 0), 0);
  if (turned) shape.reverse();
  return {
    shape,
    read: async () => {
      const whole = tf.tidy(() => {
        const [first] = parts;
        const joined = parts.length === 1 && first !== undefined ? first : tf.concat([...parts], -1);
        return turned ? tf.transpose(joined) : tf.clone(joined);
      });
      const elements = await whole.data();
      whole.dispose();
      return { shape, elements };
    },
  };
}

/**
 * The weights as files have them, all in memory.
 *
 * @throws TrainbookError if one is an operator: files hold numbers.
 */
export async function storedWeights(
  weights: Tree<tf.Tensor>,
  rules: readonly NameRule[],
): Promise<Map<string, StoredTensor>> {
  const stored = new Map<string, StoredTensor>();
  for (const [name, tensor] of writableWeights(weights, rules)) stored.set(name, await tensor.read());
  return stored;
}

/** Reads one tensor of a file as float32. */
export type ReadTensor = (
  name: string,
) => Promise<{ readonly shape: readonly number[]; readonly elements: Float32Array }>;

/**
 * The weights of a tree of specs from a file's tensors, read one after another.
 *
 * @param shapes The shapes of the file's tensors, by name.
 * @throws TrainbookError if a tensor is missing or of another shape.
 */
export async function weightsFromFile(
  specs: Tree<WeightSpec>,
  rules: readonly NameRule[],
  { shapes, read, source }: { shapes: ReadonlyMap<string, readonly number[]>; read: ReadTensor; source: string },
): Promise<Tree<tf.Tensor>> {
  const byPath = new Map(treeEntries<WeightSpec>(specs));
  const found = new Map<string, tf.Tensor>();
  const stacks = new Map<string, tf.Tensor[]>();
  for (const { name, paths, turned, part } of namedTensors(specs, rules)) {
    const parts = paths.map((path) => (byPath.get(path) as WeightSpec).shape.slice(part === undefined ? 0 : 1));
    const joined = joinedShape(parts);
    const expected = turned ? [...joined].reverse() : joined;
    const shape = shapes.get(name);
    if (shape?.join() !== expected.join()) throw misfit(source, name, shape, expected);
    const { elements } = await read(name);
    const tensors = tf.tidy(() => {
      const whole = tf.tensor(elements, [...expected], 'float32');
      const inTree = turned ? tf.transpose(whole) : whole;
      return parts.length === 1
        ? [inTree]
        : tf.split(
            inTree,
            parts.map((part) => part.at(-1) as number),
            -1,
          );
    });
    paths.forEach((path, index) => {
      const tensor = tensors[index] as tf.Tensor;
      if (part === undefined) found.set(path, tensor);
      else stacks.set(path, [...(stacks.get(path) ?? []), tensor]);
    });
  }
  for (const [path, parts] of stacks) {
    found.set(path, tf.stack(parts));
    tf.dispose(parts);
  }
  return mapTree(specs, (_, path) => found.get(path) as tf.Tensor);
}

function joinedShape(parts: readonly (readonly number[])[]): number[] {
  const [first = []] = parts;
  return [...first.slice(0, -1), parts.reduce((sum, shape) => sum + (shape.at(-1) ?? 0), 0)];
}

function misfit(
  source: string,
  name: string,
  shape: readonly number[] | undefined,
  expected: readonly number[],
): Error {
  return new TrainbookError({
    what: `${source}: the weight ${name} does not fit the architecture`,
    received: shape === undefined ? 'no such tensor' : `[${shape.join(', ')}]`,
    expected: `[${expected.join(', ')}]`,
  });
}
