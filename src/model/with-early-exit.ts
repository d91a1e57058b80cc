import type { Decoder } from './decoder.js';
import { checkEarlyExit } from './early-exit.js';
import type { EarlyExit } from './early-exit.js';

/**
 * The same decoder, in which each token that it generates goes through no more layers than its confidence asks for. The prompt, and a full
 * pass, go through all. Schuster 2022, "Confident Adaptive Language Modeling" (2207.07061).
 *
 * What is saved is measured by `earlyExitCurve`. A batch saves only the layers that none of its sequences needs.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * const quick = { ...model, architecture: withEarlyExit(model.architecture, { confidence: 'state', threshold: 0.98 }) };
 */
export function withEarlyExit(architecture: Decoder, exit: EarlyExit): Decoder {
  checkEarlyExit('withEarlyExit', exit, architecture.config.layers);
  return {
    ...architecture,
    decode: (weights, tokens, row, cache, starts, options) =>
      architecture.decode(weights, tokens, row, cache, starts, { ...options, exit }),
  };
}
