import { TrainbookError } from '../error.js';
import type { DecoderConfig } from './decoder-options.js';
import type { GgufValue } from '../tokens/gguf-metadata.js';
import { rotaryFrequencies } from './rope-scaling.js';
import type { Rotary, RotaryScaling } from './rope-scaling.js';

/*
 * How GGUF files say that rotary positions are stretched: keys for `linear` and `yarn`, and for `llama3` a tensor with what each
 * frequency is divided by:
 *
 * llama.rope.scaling.type = "yarn", llama.rope.scaling.factor = 4, llama.rope.scaling.original_context_length = 32768
 * rope_freqs.weight = [1, 1, …, 1.32, 2.08, …, 8, 8]
 */

/** The keys, without the architecture's name. */
export interface RotaryKeys {
  readonly 'rope.scaling.type'?: 'none' | 'linear' | 'yarn' | undefined;
  readonly 'rope.scaling.factor'?: number | undefined;
  readonly 'rope.scaling.original_context_length'?: number | undefined;
  readonly 'rope.scaling.attn_factor'?: number | undefined;
  readonly 'rope.scaling.yarn_beta_fast'?: number | undefined;
  readonly 'rope.scaling.yarn_beta_slow'?: number | undefined;
  readonly context_length: number;
}

/** The scaling that the keys say, if any. */
export function scalingOfKeys(keys: RotaryKeys): RotaryScaling | undefined {
  const factor = keys['rope.scaling.factor'] ?? 1;
  switch (keys['rope.scaling.type']) {
    case undefined:
    case 'none':
      return undefined;
    case 'linear':
      return { kind: 'linear', factor };
    case 'yarn': {
      const sharpening = keys['rope.scaling.attn_factor'] ?? 1;
      return {
        kind: 'yarn',
        factor,
        originalContext: keys['rope.scaling.original_context_length'] ?? keys.context_length,
        betaFast: keys['rope.scaling.yarn_beta_fast'] ?? 32,
        betaSlow: keys['rope.scaling.yarn_beta_slow'] ?? 1,
        wholeBounds: true,
        ...(sharpening === 1 ? {} : { attentionFactor: sharpening * (0.1 * Math.log(factor) + 1) }),
      };
    }
  }
}

/** The keys that say a scaling, the other way round; `llama3` stands in a tensor (`factorsOfScaling`), and `ntk` has no keys. */
export function keysOfScaling({
  rotaryScaling: scaling,
}: Pick<DecoderConfig, 'rotaryScaling'>): ReadonlyMap<string, GgufValue> {
  switch (scaling?.kind) {
    case 'linear':
      return new Map<string, GgufValue>([
        ['rope.scaling.type', { text: 'linear' }],
        ['rope.scaling.factor', { float32: scaling.factor }],
      ]);
    case 'yarn': {
      const { factor, originalContext, betaFast, betaSlow, attentionFactor } = scaling;
      const usual = 0.1 * Math.log(factor) + 1;
      return new Map<string, GgufValue>([
        ['rope.scaling.type', { text: 'yarn' }],
        ['rope.scaling.factor', { float32: factor }],
        ['rope.scaling.original_context_length', { uint32: originalContext }],
        ['rope.scaling.yarn_beta_fast', { float32: betaFast }],
        ['rope.scaling.yarn_beta_slow', { float32: betaSlow }],
        ...(attentionFactor === undefined
          ? []
          : [['rope.scaling.attn_factor', { float32: attentionFactor / usual }] as const]),
      ]);
    }
    default:
      return new Map();
  }
}

/** What each frequency is divided by, of a scaling that GGUF files have as a tensor. */
export function factorsOfScaling({
  rotaryScaling: scaling,
  headSize,
  rotaryBase: base,
}: Pick<DecoderConfig, 'rotaryScaling' | 'headSize' | 'rotaryBase'>): Float32Array | undefined {
  if (scaling?.kind !== 'llama3') return undefined;
  const plain = rotaryFrequencies({ headSize, base }, 0).perPosition;
  const { perPosition } = rotaryFrequencies({ headSize, base, scaling }, 0);
  return Float32Array.from(plain, (own, pair) => own / (perPosition[pair] ?? NaN));
}

/** Factors as they are computed in float32 and here differ by about 1e-7 of their size. */
const tolerance = 1e-4;

/**
 * The scaling whose frequencies are divided by these factors: `llama3` with low frequency 1 and high frequency 4, as all of that
 * family have it. The original context, which the file does not say, is the power of two that gives the factors.
 *
 * @throws TrainbookError if there is none.
 */
export function scalingOfFactors(
  factors: Float32Array,
  rotary: Pick<Rotary, 'headSize' | 'base'>,
  source: string,
): RotaryScaling | undefined {
  if (factors.every((factor) => factor === 1)) return undefined;
  const plain = rotaryFrequencies(rotary, 0).perPosition;
  const factor = Math.round(Math.max(...factors) * 1000) / 1000;
  for (const exponent of [13, ...Array.from({ length: 21 }, (_, index) => index)]) {
    const scaling = {
      kind: 'llama3',
      factor,
      originalContext: 2 ** exponent,
      lowFrequency: 1,
      highFrequency: 4,
    } as const;
    const { perPosition } = rotaryFrequencies({ ...rotary, scaling }, 0);
    const fits = factors.every((given, pair) => {
      const expected = (plain[pair] ?? NaN) / (perPosition[pair] ?? NaN);
      return Math.abs(given - expected) <= tolerance * expected;
    });
    if (fits && factors.length === plain.length) return scaling;
  }
  throw new TrainbookError({
    what: `${source}: rotary positions are scaled in a way that is not supported here`,
    received: `rope_freqs.weight with ${[...factors]
      .slice(0, 8)
      .map((each) => each.toPrecision(4))
      .join(', ')}…`,
    expected: `the ${plain.length} factors of Llama 3's scaling, with low frequency 1 and high frequency 4`,
  });
}
