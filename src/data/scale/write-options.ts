import type { OnProgress } from '../../progress.js';

/** One of several processes that share the work on a folder: `{ index: 0, of: 4 }` … `{ index: 3, of: 4 }`. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

export interface WriteOptions {
  /** Threads of this process; by default one for each core. What is written does not depend on it. */
  readonly workers?: number;
  /** Files that the result is divided into; by default one for about each 16 MiB of the input. */
  readonly shards?: number;
  /** Whether the text of dropped documents is written, to `dropped/`; by default it is. */
  readonly dropped?: boolean;
  /** Whether the shards are gzipped; by default they are. */
  readonly gzip?: boolean;
  /** Begins anew where the folder holds the result, or a part, of another pipeline. */
  readonly again?: boolean;
  /** Does this share of the tasks of each stage, and waits for the others before the next. */
  readonly share?: Share;
  /** Does this stage alone, such as `read`; the stages before it must be done. */
  readonly stage?: string;
  /** The file whose default export the pipeline is: other threads find there the steps that hold functions. */
  readonly file?: string;
  readonly progress?: OnProgress;
  readonly signal?: AbortSignal;
}
