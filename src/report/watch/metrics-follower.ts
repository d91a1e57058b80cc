import { open } from 'node:fs/promises';
import { lastAttempts, parseRows } from '../../experiment/metrics.js';
import type { MetricsRow } from '../../experiment/metrics.js';

/** Reads a `metrics.jsonl` that grows: each time only what came since. A file that is another or shorter is read anew. */
export class MetricsFollower {
  readonly #path: string;
  #all: MetricsRow[] = [];
  #rows: readonly MetricsRow[] = [];
  #inode = 0n;
  #bytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** One row for each step, as `readMetrics` gives them; a line without its end waits for the next time. */
  async read(): Promise<readonly MetricsRow[]> {
    const file = await open(this.#path, 'r').catch(() => undefined);
    if (file === undefined) return this.#rows;
    try {
      const { ino, size } = await file.stat({ bigint: true });
      if (ino !== this.#inode || size < this.#bytes) {
        this.#all = [];
        this.#rows = [];
        this.#bytes = 0;
        this.#inode = ino;
      }
      const added = Buffer.alloc(Number(size) - this.#bytes);
      const { bytesRead } = await file.read(added, 0, added.length, this.#bytes);
      const whole = added.subarray(0, added.subarray(0, bytesRead).lastIndexOf(0x0a) + 1);
      if (whole.length > 0) {
        this.#bytes += whole.length;
        for (const row of parseRows(whole.toString('utf8'))) this.#all.push(row);
        this.#rows = lastAttempts(this.#all);
      }
      return this.#rows;
    } finally {
      await file.close();
    }
  }
}
