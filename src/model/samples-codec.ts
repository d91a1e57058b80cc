import { z } from 'zod';
import { type Codec, schemaCodec } from '../files.js';
import type { Sample } from './sample.js';

const samplesSchema = z
  .array(
    z.strictObject({
      prompt: z.string(),
      text: z.string(),
      numTokens: z.int().nonnegative(),
      finish: z.enum(['stop', 'length', 'context', 'interrupted']),
    }),
  )
  .min(1);

/** How a run keeps samples: `samples.json`. A report shows each as its prompt and what followed. */
export const samplesCodec: Codec<readonly Sample[]> = schemaCodec('samples', samplesSchema, (samples) => ({
  title: 'Samples',
  facts: {
    texts: samples.length,
    'tokens written': samples.reduce((sum, { numTokens }) => sum + numTokens, 0),
  },
  texts: samples.map(({ prompt, text }) => ({ title: prompt, text: prompt + text })),
}));
