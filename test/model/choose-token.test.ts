import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { key } from '../../src/engine/key.js';
import { readJson } from '../../src/files.js';
import { choiceOptions } from '../../src/model/choice.js';
import type { Choice } from '../../src/model/choice.js';
import { drawFrom, filterLogits, likeliest, tokenChooser } from '../../src/model/choose-token.js';
import { exponential, logSumExp } from '../../src/model/exponential.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { candidatesOf, keepMinP, keepTopK, keepTopP } from '../../src/model/logit-filters.js';
import type { Candidates } from '../../src/model/logit-filters.js';
import { expectClose } from './close.js';

// The truth: Hugging Face transformers, by fixtures/transformers_generation.py.
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const { tensors } = await readSafetensors(fixture('generation.safetensors'));
const { filters } = z
  .object({
    filters: z.array(
      z.object({ name: z.string(), options: z.record(z.string(), z.number()), kept: z.array(z.number()) }),
    ),
  })
  .parse(await readJson(fixture('generation.json')));
const names = {
  repetition_penalty: 'repetitionPenalty',
  temperature: 'temperature',
  top_k: 'topK',
  top_p: 'topP',
  min_p: 'minP',
};
const choiceOf = (options: Record<string, number>): Choice =>
  choiceOptions.parse(
    Object.fromEntries(Object.entries(options).map(([name, value]) => [names[name as keyof typeof names], value])),
  );

/** All tokens with their logits, −∞ for those that are gone. */
function whole({ tokens, logits, count }: Candidates, size: number): Float32Array {
  const all = new Float32Array(size).fill(-Infinity);
  for (let place = 0; place < count; place++) all[tokens[place] ?? -1] = logits[place] ?? NaN;
  return all;
}

const softmax = (logits: Float32Array): Float32Array => {
  const total = logSumExp(logits);
  return logits.map((logit) => Math.exp(logit - total));
};

describe('filters of logits', () => {
  it.each(filters)('$name, $options: logits and probabilities are those of transformers', ({ name, options, kept }) => {
    const isTies = name === 'ties';
    const numbers = (part: string): Float32Array => tensors.get(`filters.${part}`)?.elements as Float32Array;
    const given = numbers(isTies ? 'ties.logits' : 'logits');
    const before = Array.from(tensors.get('filters.input_ids')?.elements as BigInt64Array, Number);
    kept.forEach((count, row) => {
      const candidates = candidatesOf(given.subarray(16 * row, 16 * (row + 1)));
      filterLogits(candidates, choiceOf(options), before.slice(6 * row, 6 * (row + 1)));
      expect(candidates.count).toBe(count);
      const processed = whole(candidates, 16);
      const expected = numbers(`${name}.processed`).subarray(16 * row, 16 * (row + 1));
      expect([...processed].map(Number.isFinite)).toEqual([...expected].map(Number.isFinite));
      expectClose(processed.filter(Number.isFinite), expected.filter(Number.isFinite), 1e-6);
      expectClose(softmax(processed), numbers(`${name}.probabilities`).subarray(16 * row, 16 * (row + 1)), 1e-6);
    });
  });

  const someLogits = fc
    .array(fc.oneof(fc.double({ min: -60, max: 60, noNaN: true }), fc.integer({ min: -3, max: 3 })), {
      minLength: 1,
      maxLength: 300,
    })
    .map((values) => Float32Array.from(values));
  const tokensLeft = ({ tokens, count }: Candidates): number[] => [...tokens.subarray(0, count)];
  const byLogit = (logits: Float32Array): number[] =>
    [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);

  it('top-k leaves what a full sort would, with ties', () => {
    fc.assert(
      fc.property(someLogits, fc.integer({ min: 1, max: 310 }), (logits, k) => {
        const candidates = candidatesOf(logits);
        keepTopK(candidates, k);
        const lowest = logits[byLogit(logits)[Math.min(k, logits.length) - 1] ?? 0] ?? NaN;
        expect(tokensLeft(candidates)).toEqual([...logits.keys()].filter((token) => (logits[token] ?? NaN) >= lowest));
      }),
    );
  });

  it('top-p leaves the fewest likeliest tokens that a full sort finds, unless they reach it by rounding alone', () => {
    fc.assert(
      fc.property(someLogits, fc.double({ min: 1e-6, max: 0.999_999, noNaN: true }), (logits, share) => {
        const candidates = candidatesOf(logits);
        keepTopP(candidates, share);
        const probabilities = softmax(logits);
        const order = byLogit(logits);
        let [mass, expected, isClose] = [0, 0, false];
        while (mass < share && expected < order.length) {
          mass += probabilities[order[expected] ?? 0] ?? 0;
          expected += 1;
          isClose ||= Math.abs(mass - share) < 1e-5;
        }
        if (!isClose) expect(tokensLeft(candidates)).toEqual(order.slice(0, expected).sort((a, b) => a - b));
      }),
    );
  });

  it('min-p leaves tokens by their odds against the likeliest', () => {
    // Probabilities are as 8 : 4 : 1 : 2.
    const candidates = candidatesOf(Float32Array.from([8, 4, 1, 2], Math.log));
    keepMinP(candidates, 0.26);
    expect(tokensLeft(candidates)).toEqual([0, 1]);
  });

  it('memory is used again for the next token', () => {
    const first = candidatesOf(Float32Array.of(1, 2, 3));
    keepTopK(first, 1);
    const again = candidatesOf(Float32Array.of(6, 5, 4), first);
    expect(again).toBe(first);
    expect([...again.tokens]).toEqual([0, 1, 2]);
    expect(again.count).toBe(3);
  });
});

describe('a draw', () => {
  // softmax of these logits is 0.15, 0.5, 0.05, 0.3
  const logits = Float32Array.from([0.15, 0.5, 0.05, 0.3], Math.log);
  const draw = (choice: Partial<Choice>): number[] =>
    Array.from({ length: 1000 }, (_, index) =>
      drawFrom(filterLogits(candidatesOf(logits), { temperature: 1, ...choice }, []), (index + 0.5) / 1000),
    );
  const counts = (tokens: number[]): number[] =>
    [0, 1, 2, 3].map((token) => tokens.filter((drawn) => drawn === token).length);

  it('takes each token as often as softmax says', () => {
    expect(counts(draw({}))).toEqual([150, 500, 50, 300]);
  });

  it('temperature ½ squares the odds', () => {
    const squares = [0.0225, 0.25, 0.0025, 0.09].map((square) => (1000 * square) / 0.365);
    counts(draw({ temperature: 0.5 })).forEach((count, token) => {
      expect(Math.abs(count - (squares[token] ?? NaN))).toBeLessThanOrEqual(1);
    });
  });

  it('shares the whole among the tokens that are left', () => {
    expect(counts(draw({ topP: 0.79 }))).toEqual([0, 625, 0, 375]);
    expect(counts(draw({ topP: 0.81 }))).toEqual([158, 526, 0, 316]);
    expect(counts(draw({ topP: 0.01 }))).toEqual([0, 1000, 0, 0]);
    expect(counts(draw({ topK: 2 }))).toEqual([0, 625, 0, 375]);
    expect(counts(draw({ minP: 0.55 }))).toEqual([0, 625, 0, 375]);
  });

  it('temperature 0 takes the likeliest, whatever is drawn; with a penalty, the likeliest then', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -50, max: 50 }), { minLength: 1 }),
        fc.nat(),
        (values, seed) => {
          const all = Float32Array.from(values);
          expect(all[tokenChooser({ temperature: 0 })(all, key(seed), [])]).toBe(Math.max(...all));
        },
      ),
    );
    const choose = tokenChooser({ temperature: 0, repetitionPenalty: 2 });
    expect(choose(Float32Array.of(3, 2, -1), key(1), [0])).toBe(1); // 1.5, 2, −1
    expect(choose(Float32Array.of(-1, -1.5, -9), key(1), [0, 0])).toBe(1); // −2, −1.5, −9: once, not twice
  });

  it('a key gives the same token again, another key others', () => {
    const flat = new Float32Array(1000);
    const choose = tokenChooser({ temperature: 1, topP: 0.99 });
    const tokens = [1, 2, 3, 4].map((seed) => choose(flat, key(seed), []));
    expect([1, 2, 3, 4].map((seed) => choose(flat, key(seed), []))).toEqual(tokens);
    expect(new Set(tokens).size).toBeGreaterThan(2);
  });

  it('refuses logits that are not numbers', () => {
    const broken = Float32Array.of(NaN, NaN);
    expect(() => likeliest(broken)).toThrow(/not numbers/);
    expect(() => tokenChooser({ temperature: 1 })(broken, key(1), [])).toThrow(/not numbers/);
    expect(() => tokenChooser({ temperature: 1 })(Float32Array.of(1, NaN), key(1), [])).toThrow(/not numbers/);
  });
});

describe('choiceOptions', () => {
  it('refuses what is out of range or not known, and describes each field', () => {
    expect(choiceOptions.parse({})).toEqual({ temperature: 1 });
    for (const wrong of [
      { topP: 0 },
      { topP: 1.1 },
      { topK: 0 },
      { topK: 2.5 },
      { minP: -0.1 },
      { temperature: -1 },
      { repetitionPenalty: 0 },
      { top_p: 0.9 },
    ])
      expect(choiceOptions.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
    for (const field of Object.values(choiceOptions.shape)) expect(field.description).toMatch(/\w/);
  });
});

it('exponential is eˣ to a part in 10¹⁰', () => {
  fc.assert(
    fc.property(fc.double({ min: -700, max: 0, noNaN: true }), (x) => {
      expect(Math.abs(exponential(x) / Math.exp(x) - 1)).toBeLessThan(1e-10);
    }),
  );
  expect([0, -0, -Infinity, -1000].map(exponential)).toEqual([1, 1, 0, 0]);
  expect(exponential(NaN)).toBeNaN();
});
