import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { fold } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { normal } from '../../engine/random.js';
import { gaussianSpent } from '../../data/privacy/renyi-account.js';
import type { PrivacySpent } from '../../data/privacy/renyi-account.js';
import { flatten, unflatten } from '../../engine/tree.js';
import { clipByGlobalNorm, globalNorm } from '../optimizers/clip-by-global-norm.js';
import type { Tensors } from '../optimizers/optimizer.js';

/** How the clients of a federated training are protected. Unknown keys are refused. */
export const clientPrivacyOptions = z.strictObject({
  clipNorm: z.number().positive().describe('S: the norm at which the change that a client makes is cut'),
  noiseMultiplier: z
    .number()
    .nonnegative()
    .describe('z: the deviation of the noise on the sum of changes, as a multiple of S'),
  delta: z.number().positive().lt(1).describe('δ at which ε is told; below 1 / the number of clients'),
  rowCap: z
    .int()
    .positive()
    .optional()
    .describe('rows from which on a client counts fully, and below in proportion; without it all count alike'),
});

export type ClientPrivacy = z.input<typeof clientPrivacyOptions>;

/** min(n / ŵ, 1), or 1 without a cap: no client counts for more than 1. */
export function privateWeight({ rowCap }: ClientPrivacy, numRows: number): number {
  return rowCap === undefined ? 1 : Math.min(numRows / rowCap, 1);
}

/** Δ · min(1, S / ‖Δ‖), and whether it was cut. The tensors are new. */
export async function clipped(
  change: Tensors,
  clipNorm: number,
): Promise<{ readonly change: Tensors; readonly cut: boolean }> {
  const norm = globalNorm(change);
  const [length = NaN] = await norm.data();
  norm.dispose();
  const cut = clipByGlobalNorm(clipNorm).update(change, [], change, {}).updates;
  return { change: cut, cut: length > clipNorm };
}

/** A sum with N(0, (z S)²) added to each number: equal in all processes that have the key. The tensors are new. */
export function withNoise(sum: Tensors, { clipNorm, noiseMultiplier }: ClientPrivacy, key: Key): Tensors {
  const deviation = noiseMultiplier * clipNorm;
  const noisy = flatten(sum).map((leaf, index) =>
    tf.tidy(() => tf.add(leaf, normal(fold(key, index), leaf.shape, { deviation }))),
  );
  return unflatten(sum, noisy);
}

/** What so many rounds spend. Without protection ε is infinite. */
export function spentBy(privacy: ClientPrivacy | undefined, sampleRate: number, rounds: number): PrivacySpent {
  if (privacy === undefined) return { epsilon: Infinity, delta: 0 };
  const { noiseMultiplier, delta } = privacy;
  return gaussianSpent({ sampleRate, noiseMultiplier, steps: rounds, delta });
}
