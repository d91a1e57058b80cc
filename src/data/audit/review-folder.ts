import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { readJson, writeAtomic } from '../../files.js';
import type { ReviewSample } from './review-sample.js';

const sampleSchema = z.object({
  rule: z.string(),
  seed: z.int(),
  hits: z.int(),
  misses: z.int(),
  items: z.array(
    z.object({
      id: z.string(),
      source: z.string(),
      title: z.string().optional(),
      language: z.string().optional(),
      text: z.string(),
      hit: z.boolean(),
      spans: z.array(z.object({ from: z.int(), to: z.int() })),
      note: z.string().optional(),
    }),
  ),
});
const fileSchema = z.object({
  /** What it was drawn from and how: `review` of other data must not go on with it. */
  drawnFrom: z.string(),
  sample: sampleSchema,
});

/**
 * The sample that a folder keeps in `sample.json`, or the one that `draw` gives, which is then kept there: a review that goes on
 * needs no second run of the rule, and judges the same documents also where the corpus has grown.
 *
 * @param drawnFrom what decides the sample: data, step, rule, size, seed
 * @throws TrainbookError if the folder's sample was drawn otherwise
 */
export async function keptSample(
  folder: string,
  drawnFrom: string,
  draw: () => Promise<ReviewSample>,
): Promise<ReviewSample> {
  const path = join(folder, 'sample.json');
  if (!existsSync(path)) {
    const sample = await draw();
    await writeAtomic(path, `${JSON.stringify({ drawnFrom, sample })}\n`);
    return sample;
  }
  const kept = fileSchema.safeParse(await readJson(path));
  if (kept.success && kept.data.drawnFrom === drawnFrom) return kept.data.sample;
  throw new TrainbookError({
    what: kept.success ? `review: ${folder} has another sample` : `review: ${path} is not a sample`,
    received: kept.success ? kept.data.drawnFrom : z.prettifyError(kept.error),
    expected: drawnFrom,
    fix: 'give another --out, or the options with which it was begun',
  });
}
