import { permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { compareDocuments } from '../document.js';
import type { Document } from '../document.js';

/** Positions in an order drawn by key from the documents themselves, whatever their order. */
export function shuffled(documents: readonly Document[], positions: readonly number[], key: Key): readonly number[] {
  const inOrder = [...positions].sort((a, b) => {
    const [left, right] = [documents[a], documents[b]];
    return left === undefined || right === undefined ? 0 : compareDocuments(left, right);
  });
  return Array.from(permutation(key, inOrder.length), (index) => inOrder[index] ?? 0);
}

/** A document by its number, and how large it is. */
export interface Sized {
  readonly number: number;
  readonly size: number;
}

/**
 * How often each document is taken so that their sizes sum to about `target`: all of them as often as they go into it whole, and
 * for the rest as many as bring the sum nearest to it, in an order drawn by key. `documents` are in their canonical order.
 */
export function draw(documents: readonly Sized[], target: number, key: Key): ReadonlyMap<number, number> {
  const whole = documents.reduce((sum, { size }) => sum + size, 0);
  // A whole that is short of the target by rounding alone is taken once.
  const times = Math.floor((target + 0.5) / whole);
  const taken = new Map<number, number>(times === 0 ? [] : documents.map(({ number }) => [number, times]));
  let sum = times * whole;
  for (const index of permutation(key, documents.length)) {
    const { number, size } = documents[index] ?? { number: 0, size: 0 };
    // Take it if that brings the sum nearer; half a unit of slack for the rounding of whole × share.
    if (sum + size / 2 > target + (times === 0 ? 0.5 : 0)) break;
    taken.set(number, times + 1);
    sum += size;
  }
  return taken;
}
