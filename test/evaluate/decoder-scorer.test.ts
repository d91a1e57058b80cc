import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { document } from '../../src/data/document.js';
import { perplexity } from '../../src/data/perplexity/perplexity.js';
import { perplexityOf } from '../../src/data/perplexity/scorer.js';
import { key } from '../../src/engine/key.js';
import { decoderScorer, windowsOf } from '../../src/evaluate/decoder-scorer.js';
import { decoder } from '../../src/model/decoder.js';
import { tokenScorer } from '../../src/model/log-probabilities.js';
import { mapWeights } from '../../src/model/weights.js';

const architecture = decoder({ layers: 1, width: 8, heads: 2, context: 4, vocabularySize: 16, initDeviation: 0.5 });
const weights = architecture.init(key(3));
/** a … o are 1 … 15. */
const tokenizer = {
  endOfText: 0,
  encode: (text: string) => Array.from(text, (one) => (one.codePointAt(0) ?? 97) - 96),
};

describe('decoderScorer', () => {
  it('a model that knows nothing has perplexity V, and log₂ V bits a token of one byte', async () => {
    const nothing = { architecture, weights: mapWeights(weights, (weight) => tf.zerosLike(weight)) };
    const scored = await decoderScorer(nothing, tokenizer).score('abcdefg');
    expect(perplexityOf(scored)).toBeCloseTo(16, 4);
    expect(scored).toMatchObject({ units: 7, bytes: 7, bitsPerByte: expect.closeTo(4, 5) as number });
    expect(await decoderScorer(nothing, tokenizer).score('')).toMatchObject({ units: 0, logProbability: 0 });
  });

  it('conditions each token on the window before it', async () => {
    const score = tokenScorer({ architecture, weights });
    // Context 4, stride 2: 0 a b c | b c d e (d, e) | d e f (f)
    const rows = await score([
      [0, 1, 2, 3],
      [2, 3, 4, 5],
      [3, 4, 5, 6],
    ]);
    const expected = [...(rows[0] ?? []), ...(rows[1]?.slice(1) ?? []), ...(rows[2]?.slice(2) ?? [])];
    const { logProbability, units } = await decoderScorer({ architecture, weights }, tokenizer, { stride: 2 }).score(
      'abcdef',
    );
    expect(units).toBe(6);
    expect(logProbability).toBeCloseTo(
      expected.reduce((sum, one) => sum + one, 0),
      4,
    );
  });

  it('counts each token but the first once, in windows that fit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 2, max: 12 }),
        fc.nat(),
        (length, context, random) => {
          const step = 1 + (random % (context - 1));
          const windows = windowsOf(length, context, step);
          const counted = windows.flatMap(({ from, end }) =>
            Array.from({ length: end - from }, (_, index) => from + index),
          );
          expect(counted).toEqual(Array.from({ length: length - 1 }, (_, index) => index + 1));
          windows.forEach(({ start, from, end }, index) => {
            expect(end - start).toBeLessThanOrEqual(context);
            expect(start).toBeLessThan(from);
            if (index > 0) expect(from - start).toBeGreaterThanOrEqual(context - step);
          });
        },
      ),
    );
  });

  it('filters documents', async () => {
    const scorer = decoderScorer({ architecture, weights }, tokenizer);
    const documents = ['abc', 'ponmlkj', 'aaaa'].map((text) => document({ text: text.replace('p', 'o'), source: 's', domain: 'd', language: 'en' })); // prettier-ignore
    const verdicts = await perplexity({ model: scorer, quantile: 0.5 }).judge(documents);
    expect(verdicts.filter((verdict) => 'keep' in verdict)).toHaveLength(2);
    expect(() => decoderScorer({ architecture, weights }, tokenizer, { stride: 4 })).toThrow('no such stride');
  });
});
