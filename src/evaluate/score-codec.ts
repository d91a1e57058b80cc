import { z } from 'zod';
import { type Codec, schemaCodec } from '../files.js';
import { type Score, summariseScore } from './bits-per-byte.js';

const scoreSchema = z.strictObject({
  nats: z.number(),
  bitsPerByte: z.number(),
  tokens: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
});

/** How a run keeps a score: `score.json`. */
export const scoreCodec: Codec<Score> = schemaCodec('score', scoreSchema, summariseScore);
