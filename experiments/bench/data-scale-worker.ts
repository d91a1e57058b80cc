import { deduplicate, load, normalise } from 'trainbook';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';
import { writeVariedText } from './varied-text.js';
import type { VariedText } from './varied-text.js';

/** A type, not an interface, so that it counts as JSON. */
export type ShardsRun = { readonly corpus: string; readonly out: string; readonly workers: number };

/** Answer to `run`. */
export type ShardsRan = {
  readonly seconds: number;
  readonly hash: string;
  readonly rows: number;
  /** Highest RSS of the whole process, and that before the run, in MB; null where the system does not tell. */
  readonly peak: number | null;
  readonly before: number;
};

export const answers = {
  /** Its code is loaded. */
  ready: (): null => null,
  generate: async ({ folder, ...text }: VariedText & { readonly folder: string }): Promise<null> => {
    await writeVariedText(folder, text);
    return null;
  },
  run: async ({ corpus, out, workers }: ShardsRun): Promise<ShardsRan> => {
    const before = residentMegabytes();
    resetPeak();
    const begun = performance.now();
    const { hash, card } = await load(`${corpus}/*.jsonl`)
      .through(normalise(), deduplicate({ threshold: 0.8 }))
      .write(out, { workers });
    return { seconds: (performance.now() - begun) / 1000, hash, rows: card.rows, peak: peakMegabytes(), before };
  },
};
