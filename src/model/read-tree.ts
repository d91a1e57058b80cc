import type * as tf from '@tensorflow/tfjs';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { float32Elements } from './files/stored-tensor.js';
import { withExpertsApart } from './files/stacked-experts.js';
import type { TensorEntry, TensorFile } from './files/stored-tensor.js';
import { namedTensors, weightsFromFile } from './names.js';
import type { NameRule } from './names.js';
import type { WeightSpec } from './weights.js';

/** How a tree's weights stand in a file. */
export interface Naming {
  readonly names: readonly NameRule[];
  /** What names in the file may begin with, or lack: files of a trunk without its head lack it. */
  readonly prefix: string;
  /** Whether a tensor follows from others, so that it may be left unread. */
  readonly isDerived: (name: string) => boolean;
}

/** Whether no name in a file begins with the prefix. */
export function isBare({ tensors }: Pick<TensorFile, 'tensors'>, prefix: string): boolean {
  return prefix !== '' && ![...tensors.keys()].some((name) => name.startsWith(prefix));
}

/**
 * The weights of a tree from an open file.
 *
 * @throws TrainbookError if a tensor is missing, left over, or of another shape.
 */
export async function readTree(
  specs: Tree<WeightSpec>,
  { names, prefix, isDerived }: Naming,
  given: Pick<TensorFile, 'tensors'>,
  source: string,
): Promise<Tree<tf.Tensor>> {
  const expected = namedTensors(specs, names).map(({ name }) => name);
  const file = withExpertsApart(given, expected);
  const bare = isBare(file, prefix);
  const inFile = (name: string): string => (bare && name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const known = new Set(expected.map(inFile));
  const left = [...file.tensors.keys()].filter((name) => !known.has(name) && !isDerived(name));
  if (left.length > 0) {
    throw new TrainbookError({
      what: `${source} has weights that the architecture has no place for`,
      received: left.sort().slice(0, 10).join(', ') + (left.length > 10 ? ` and ${left.length - 10} more` : ''),
      expected: 'the weights of its config.json',
    });
  }
  return weightsFromFile(specs, names, {
    source,
    shapes: new Map(
      expected.flatMap((name) => {
        const entry = file.tensors.get(inFile(name));
        return entry === undefined ? [] : [[name, entry.shape] as const];
      }),
    ),
    read: async (name) => {
      const tensor = await (file.tensors.get(inFile(name)) as TensorEntry).read();
      return { shape: tensor.shape, elements: float32Elements(tensor) };
    },
  });
}
