import { z } from 'zod';

const factor = z.number().min(1).describe('how many times longer the context gets');
const original = z.int().positive().describe('the context of the first training, in tokens');

/** How rotary positions are stretched beyond the context of the first training. */
export const rotaryScaling = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('linear'), factor }),
  z.strictObject({ kind: z.literal('ntk'), factor, originalContext: original }),
  z.strictObject({
    kind: z.literal('yarn'),
    factor,
    originalContext: original,
    betaFast: z.number().positive().default(32).describe('pairs with more turns than this stay as they are'),
    betaSlow: z.number().positive().default(1).describe('pairs with fewer turns than this are stretched whole'),
    attentionFactor: z
      .number()
      .positive()
      .optional()
      .describe('multiplies cos and sin; 0.1 ln(factor) + 1 unless given'),
    wholeBounds: z.boolean().default(true).describe('whether the bounds of the ramp are rounded to whole pairs'),
  }),
  z.strictObject({
    kind: z.literal('llama3'),
    factor,
    originalContext: original,
    lowFrequency: z.number().positive().describe('pairs with fewer turns than this are stretched whole'),
    highFrequency: z.number().positive().describe('pairs with more turns than this stay as they are'),
  }),
]);
export type RotaryScaling = z.output<typeof rotaryScaling>;

/** What rotary tables are made from. */
export interface Rotary {
  /** Features of a head; even. */
  readonly headSize: number;
  /** Base of the angles. */
  readonly base: number;
  readonly scaling?: RotaryScaling | undefined;
}

/** Radians that each pair turns a position, and the factor on cos and sin. */
export interface Frequencies {
  readonly perPosition: Float64Array; // [headSize / 2]
  readonly magnitude: number;
}

/**
 * ωᵢ = base^(−2i / headSize), stretched:
 * - `linear`: ωᵢ / factor. Chen 2023, "Position Interpolation" (2306.15595).
 * - `ntk`: for a sequence of L tokens, more than the original C: base · (factor L/C − (factor − 1))^(headSize / (headSize − 2)), so that
 *   slow pairs are stretched and fast ones are not ("NTK-aware", dynamic; in Peng 2023, section 3.1).
 * - `yarn`: ωᵢ / factor for pairs that turn less than betaSlow times in the original context, ωᵢ for those that turn more than
 *   betaFast times, a ramp between; attention is sharpened by the magnitude. Peng 2023, "YaRN" (2309.00071).
 * - `llama3`: the same idea with a ramp in the number of turns. Llama team 2024 (2407.21783).
 *
 * @param length Of the sequence, in tokens; only `ntk` looks at it.
 */
export function rotaryFrequencies({ headSize, base, scaling }: Rotary, length: number): Frequencies {
  const plain = (from: number): Float64Array =>
    Float64Array.from({ length: headSize / 2 }, (_, pair) => from ** ((-2 * pair) / headSize));
  const perPosition = plain(base);
  switch (scaling?.kind) {
    case undefined:
      return { perPosition, magnitude: 1 };
    case 'linear':
      return { perPosition: perPosition.map((frequency) => frequency / scaling.factor), magnitude: 1 };
    case 'ntk': {
      const { factor: times, originalContext } = scaling;
      const stretch = (times * Math.max(length, originalContext)) / originalContext - (times - 1);
      return { perPosition: plain(base * stretch ** (headSize / (headSize - 2))), magnitude: 1 };
    }
    case 'yarn': {
      const { factor: times, originalContext, betaFast, betaSlow, wholeBounds } = scaling;
      // The pair that turns so many times in the original context.
      const pairOf = (turns: number): number =>
        (headSize * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(base));
      const low = Math.max(0, wholeBounds ? Math.floor(pairOf(betaFast)) : pairOf(betaFast));
      const upper = Math.min(headSize - 1, wholeBounds ? Math.ceil(pairOf(betaSlow)) : pairOf(betaSlow));
      const high = upper === low ? low + 0.001 : upper;
      const magnitude = scaling.attentionFactor ?? 0.1 * Math.log(times) + 1;
      return {
        perPosition: perPosition.map((frequency, pair) => {
          const stretched = Math.min(1, Math.max(0, (pair - low) / (high - low)));
          return (frequency / times) * stretched + frequency * (1 - stretched);
        }),
        magnitude,
      };
    }
    case 'llama3': {
      const { factor: times, originalContext, lowFrequency, highFrequency } = scaling;
      return {
        perPosition: perPosition.map((frequency) => {
          const turns = (originalContext * frequency) / (2 * Math.PI);
          const kept = Math.min(1, Math.max(0, (turns - lowFrequency) / (highFrequency - lowFrequency)));
          return (frequency / times) * (1 - kept) + frequency * kept;
        }),
        magnitude: 1,
      };
    }
  }
}
