import * as tf from '@tensorflow/tfjs';
import { cell } from '../engine/cell.js';
import type { Cell } from '../engine/cell.js';
import { flatten, mapTree } from '../engine/tree.js';
import { emptyCache } from './key-value-cache.js';
import type { CacheSizes, KeyValueCache } from './key-value-cache.js';

/** Room for tokens is a multiple of this, so that decodings of about the same length share their compiled step. */
const ROWS_STEP = 64;

/** The rows of a cache that has room for so many tokens. */
export function rowsFor(tokens: number): number {
  return Math.ceil(tokens / ROWS_STEP) * ROWS_STEP;
}

/** Keys and values that stay between calls: compiled functions read and write them in place. */
export interface CacheCells {
  readonly cells: KeyValueCache<Cell>;
  read(): KeyValueCache;
  write(values: KeyValueCache): void;
  /** Puts sequence `from[i]` in place of sequence i. */
  reorder(from: tf.Tensor): void;
  dispose(): void;
}

/** Cells in which nothing has been seen. */
export function cacheCells(sizes: CacheSizes): CacheCells {
  const empty = emptyCache(sizes);
  const cells = mapTree<tf.Tensor, Cell>(empty, (zeros, path) =>
    cell(zeros, { name: `cache.${path}` }),
  ) as KeyValueCache<Cell>;
  tf.dispose(empty as unknown as tf.TensorContainer);
  const read = (): KeyValueCache => mapTree(cells, (kept) => kept.read()) as KeyValueCache;
  const write = (values: KeyValueCache): void => {
    const tensors = flatten<tf.Tensor>(values);
    flatten(cells).forEach((kept, index) => {
      kept.write(tensors[index] as tf.Tensor);
    });
  };
  return {
    cells,
    read,
    write,
    reorder: (from) => {
      write(mapTree<tf.Tensor, tf.Tensor>(read(), (all) => tf.gather(all, from)) as KeyValueCache);
    },
    dispose: () => {
      for (const kept of flatten(cells)) kept.dispose();
    },
  };
}

/** What is made for one batch and number of rows, and may serve again. */
interface Sized {
  readonly batch: number;
  readonly rows: number;
  dispose(): void;
}

/** Keeps the last of each architecture that was given back, with what was compiled for it. */
export class Idle<Architecture extends object, Kept extends Sized> {
  private readonly kept = new WeakMap<Architecture, Kept>();

  constructor(private readonly make: (architecture: Architecture, batch: number, rows: number) => Kept) {}

  take(architecture: Architecture, batch: number, rows: number): Kept {
    const found = this.kept.get(architecture);
    if (found?.batch !== batch || found.rows !== rows) return this.make(architecture, batch, rows);
    this.kept.delete(architecture);
    return found;
  }

  giveBack(architecture: Architecture, kept: Kept): void {
    const before = this.kept.get(architecture);
    if (before === kept) return;
    before?.dispose();
    this.kept.set(architecture, kept);
  }
}
