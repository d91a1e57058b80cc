import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeAtomic, type Codec } from '../files.js';
import { type Score, summariseScore } from './bits-per-byte.js';

const scoreSchema = z.strictObject({
  nats: z.number(),
  bitsPerByte: z.number(),
  tokens: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
});

/** How a run keeps a score: `score.json`. */
export const scoreCodec: Codec<Score> = {
  kind: 'score',
  is: (value): value is Score => scoreSchema.safeParse(value).success,
  write: async (score, folder) => {
    await writeAtomic(join(folder, 'score.json'), `${JSON.stringify(score, undefined, 2)}\n`);
  },
  read: async (folder) => scoreSchema.parse(await readJson(join(folder, 'score.json'))),
  summarise: summariseScore,
};
