import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeAtomic, type Codec } from '../files.js';
import type { Sample } from './sample.js';

const samplesSchema = z
  .array(
    z.strictObject({
      prompt: z.string(),
      text: z.string(),
      numTokens: z.int().nonnegative(),
      finish: z.enum(['stop', 'length', 'context']),
    }),
  )
  .min(1);

/** How a run keeps samples: `samples.json`. A report shows each as its prompt and what followed. */
export const samplesCodec: Codec<readonly Sample[]> = {
  kind: 'samples',
  is: (value): value is readonly Sample[] => samplesSchema.safeParse(value).success,
  write: async (samples, folder) => {
    await writeAtomic(join(folder, 'samples.json'), `${JSON.stringify(samples, undefined, 2)}\n`);
  },
  read: async (folder) => samplesSchema.parse(await readJson(join(folder, 'samples.json'))),
  summarise: (samples) => ({
    title: 'Samples',
    facts: {
      texts: samples.length,
      'tokens written': samples.reduce((sum, { numTokens }) => sum + numTokens, 0),
    },
    texts: samples.map(({ prompt, text }) => ({ title: prompt, text: prompt + text })),
  }),
};
