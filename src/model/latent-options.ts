import { z } from 'zod';
import { size } from './parse-options.js';

/**
 * Multi-head latent attention, as an experiment writes it: keys and values are made from one small vector of each token.
 *
 * @example
 * latentOptions.parse({ keyValueRank: 64, plainSize: 32, rotarySize: 16, valueSize: 32 });
 */
export const latentOptions = z.strictObject({
  keyValueRank: size('features of the latent vector that all keys and values of a token are made from'),
  queryRank: size('features that queries are made from; the width unless given').optional(),
  plainSize: size('features of a head that know nothing of positions'),
  rotarySize: size('features of a head that are turned by the position, in pairs; their key is one for all heads'),
  valueSize: size('features of a head’s values'),
  scoreScale: z
    .number()
    .positive()
    .default(1)
    .describe('what scores are multiplied by beside 1/√(plainSize + rotarySize), where positions are stretched (YaRN)'),
});

/** Latent attention with nothing left open. */
export type LatentConfig = z.output<typeof latentOptions>;
