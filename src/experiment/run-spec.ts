import { z } from 'zod';
import type { Json } from '../files.js';

const json: z.ZodType<Json> = z.json();

/**
 * `spec.json` of a run, as its readers take it: other fields stay. A reader that needs more extends it.
 *
 * {"format":1,"experiment":"quickstart","runId":"2026-11-21-143502-3f9c","seed":1,"config":{…},"stages":["corpus",…],"code":"77b2…",…}
 */
export const runSpecSchema = z.looseObject({
  format: z.literal(1),
  experiment: z.string(),
  file: z.string().optional(),
  runId: z.string(),
  seed: z.number(),
  config: z.record(z.string(), json),
  stages: z.array(z.string()),
  code: z.string(),
  numericClass: z.string().optional(),
  createdAt: z.string(),
});
