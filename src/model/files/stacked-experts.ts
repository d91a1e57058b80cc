import { float32Elements } from './stored-tensor.js';
import type { TensorEntry, TensorFile } from './stored-tensor.js';

/*
 * transformers from 5.0 on has all experts of a layer as one tensor in memory, and may write them so:
 *
 * model.layers.0.mlp.experts.gate_up_proj   [E, 2 hidden, width]   gate above up
 * model.layers.0.mlp.experts.down_proj      [E, width, hidden]
 *
 * Files usually have each expert's matrices apart:
 *
 * model.layers.0.mlp.experts.3.gate_proj.weight             [hidden, width]
 * model.layers.0.block_sparse_moe.experts.3.w1.weight       the same, in Mixtral
 */

/** The tensors of a file, experts that are stacked in it one by one, under the names that are expected. */
export function withExpertsApart(
  { tensors }: Pick<TensorFile, 'tensors'>,
  expected: readonly string[],
): Pick<TensorFile, 'tensors'> {
  const stacked = [...tensors].filter(([name]) => /\.mlp\.experts\.(gate_up|down)_proj$/.test(name));
  if (stacked.length === 0) return { tensors };
  const isMixtral = expected.some((name) => name.includes('.block_sparse_moe.'));
  const asExpected = (name: string): string => (isMixtral ? name.replace('.mlp.', '.block_sparse_moe.') : name);
  const [gate, up, down] = isMixtral ? ['w1', 'w3', 'w2'] : ['gate_proj', 'up_proj', 'down_proj'];
  const apart = new Map([...tensors].filter(([name]) => !stacked.some(([other]) => other === name)));
  if (isMixtral) {
    for (const [name, entry] of [...apart]) {
      if (!name.endsWith('.mlp.gate.weight')) continue;
      apart.delete(name);
      apart.set(asExpected(name), entry);
    }
  }
  for (const [name, entry] of stacked) {
    const before = asExpected(name.slice(0, name.lastIndexOf('.')));
    const matrices = name.endsWith('gate_up_proj') ? [gate, up] : [down];
    const [number = 0, rows = 0] = entry.shape;
    const elements = readOnce(entry, number * matrices.length);
    for (let expert = 0; expert < number; expert++) {
      matrices.forEach((matrix, index) => {
        const size = rows / matrices.length;
        apart.set(
          `${before}.${expert}.${matrix}.weight`,
          rowsOf(entry, elements, { first: expert * rows + index * size, size }),
        );
      });
    }
  }
  return { tensors: apart };
}

/** A tensor's elements, read at the first call and let go of at the last of so many. */
function readOnce(entry: TensorEntry, numCalls: number): () => Promise<Float32Array> {
  let reading: Promise<Float32Array> | undefined;
  let left = numCalls;
  return () => {
    reading ??= entry.read().then(float32Elements);
    const elements = reading;
    left -= 1;
    if (left === 0) reading = undefined;
    return elements;
  };
}

/** Some rows of a stack of matrices, seen as one matrix. */
function rowsOf(
  entry: TensorEntry,
  elements: () => Promise<Float32Array>,
  { first, size }: { readonly first: number; readonly size: number },
): TensorEntry {
  const columns = entry.shape[2] ?? 0;
  const shape = [size, columns];
  return {
    ...entry,
    dtype: 'F32',
    shape,
    read: async () => ({ shape, elements: (await elements()).slice(first * columns, (first + size) * columns) }),
  };
}
