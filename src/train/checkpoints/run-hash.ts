import { createHash } from 'node:crypto';
import type * as tf from '@tensorflow/tfjs';
import type { Key } from '../../engine/key.js';
import { treeEntries } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { canonicalJson } from '../../files.js';
import type { Json } from '../../files.js';
import type { Plan } from '../plan.js';

/** What decides how a run goes on. */
export interface RunParts {
  /** The first weights. */
  readonly weights: Tree<tf.Tensor>;
  readonly plan: Plan;
  readonly steps: number;
  readonly key: Key;
  readonly target: string | undefined;
  /** Stands for the data and their order. */
  readonly firstBatch: unknown;
  readonly numRows: number;
  /** The optimizer's numbers at some steps: its learning rate, for instance. */
  readonly scalars: readonly Readonly<Record<string, number>>[];
  /** What else decides, as the caller knows it. */
  readonly identity: Json;
}

/**
 * A hash of all that decides how a run goes on, so that checkpoints of another run are noticed. How often it is evaluated and saved is
 * not part of it.
 */
export async function runHash({ weights, plan, firstBatch, key, ...rest }: RunParts): Promise<string> {
  const sha = createHash('sha256');
  for (const [path, tensor] of treeEntries<tf.Tensor>(weights)) {
    sha.update(`${path} ${tensor.dtype} [${tensor.shape.join()}]\n`);
    sha.update(await tensor.data());
  }
  for (const [path, leaf] of treeEntries<unknown>(firstBatch)) {
    sha.update(`${path}\n`);
    sha.update(
      ArrayBuffer.isView(leaf)
        ? new Uint8Array(leaf.buffer, leaf.byteOffset, leaf.byteLength)
        : JSON.stringify(leaf ?? null),
    );
  }
  const {
    evaluateEvery: _evaluate,
    heldOutRows: _rows,
    checkpointEvery: _checkpoint,
    keepLast: _keep,
    ...deciding
  } = plan;
  sha.update(canonicalJson(JSON.parse(JSON.stringify({ ...rest, plan: deciding, key: [...key.words] })) as Json));
  return sha.digest('hex').slice(0, 32);
}
