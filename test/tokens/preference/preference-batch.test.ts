import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { judgedLoader } from '../../../src/tokens/preference/judged-answers.js';
import type { JudgedAnswer } from '../../../src/tokens/preference/judged-answers.js';
import type { LoaderOptions } from '../../../src/tokens/loader.js';
import { preferenceLoader, preferencesInOrder } from '../../../src/tokens/preference/preference-batch.js';
import type { AnswerRows, PreferenceBatch } from '../../../src/tokens/preference/preference-batch.js';
import { preferencePair, truncatePairs } from '../../../src/tokens/preference/preference-pair.js';
import type { PreferencePair } from '../../../src/tokens/preference/preference-pair.js';

const sizes = { context: 6, padding: 0 };
const pairs: PreferencePair[] = Array.from({ length: 5 }, (_, index) => ({
  prompt: [10 + index, 20 + index],
  chosen: [30 + index, 2],
  rejected: [40 + index, 50 + index, 60 + index, 2],
}));

/** The rows of one side, each as its four lists. */
const rowsOf = ({ inputs, targets, weights, mask, context }: AnswerRows): number[][][] =>
  Array.from({ length: inputs.length / context }, (_, row) =>
    [inputs, targets, weights, mask].map((all) => [...all.slice(row * context, (row + 1) * context)]),
  );
const take = <B>(loader: { next(): B }, count: number): B[] => Array.from({ length: count }, () => loader.next());

describe('preferenceLoader', () => {
  it('fills rows with prompt and answer; only tokens of the answer count, each at the place before it', () => {
    const [pair] = pairs;
    const batch = preferenceLoader([{ ...(pair as PreferencePair), margin: 0.5 }], sizes, {
      batchSize: 1,
      key: key(1),
    });
    const { chosen, rejected, weights, margins, reference } = batch.next();
    expect(rowsOf(chosen)).toEqual([
      [
        [10, 20, 30, 2, 0, 0],
        [20, 30, 2, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
      ],
    ]);
    expect(rowsOf(rejected)).toEqual([
      [
        [10, 20, 40, 50, 60, 2],
        [20, 40, 50, 60, 2, 0],
        [0, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
      ],
    ]);
    expect([[...weights], [...margins], reference]).toEqual([[1], [0.5], undefined]);
  });

  it('gives each pair once in an epoch, with the numbers that it brings', () => {
    const stored = pairs.map((pair, index) => ({ ...pair, reference: { chosen: -index, rejected: -10 - index } }));
    const [batch] = take(preferenceLoader(stored, sizes, { batchSize: 5, key: key(2) }), 1);
    const prompts = rowsOf((batch as PreferenceBatch).chosen).map(([inputs]) => (inputs?.[0] ?? 0) - 10);
    expect([...prompts].sort()).toEqual([0, 1, 2, 3, 4]);
    expect([...(batch?.reference?.chosen ?? [])]).toEqual(prompts.map((prompt) => (prompt === 0 ? -0 : -prompt)));
    expect([...(batch?.reference?.rejected ?? [])]).toEqual(prompts.map((prompt) => -10 - prompt));
  });

  it('goes on from a cursor as if it had not stopped; readers share each batch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.constantFrom(2, 4), (done, batchSize) => {
        const options = { batchSize, key: key(3) };
        const whole = preferenceLoader(pairs, sizes, options);
        take(whole, done);
        const resumed = (extra: Partial<LoaderOptions>) =>
          preferenceLoader(pairs, sizes, { ...options, cursor: whole.cursor, ...extra });
        const [again, ...readers] = [
          resumed({}),
          resumed({ reader: { index: 0, count: 2 } }),
          resumed({ reader: { index: 1, count: 2 } }),
        ];
        for (const expected of take(whole, 3)) {
          expect(again.next()).toEqual(expected);
          const parts = readers.map((reader) => rowsOf(reader.next().rejected));
          const rows = Array.from({ length: batchSize }, (_, row) => parts[row % 2]?.[Math.floor(row / 2)]);
          expect(rows).toEqual(rowsOf(expected.rejected));
        }
      }),
      { numRuns: 6, seed: 5 },
    );
  });

  it('in order: all once, the last batch filled up with pairs of weight 0', () => {
    const batches = [...preferencesInOrder(pairs, sizes, 2)];
    expect(batches.map(({ weights }) => [...weights])).toEqual([
      [1, 1],
      [1, 1],
      [1, 0],
    ]);
    expect(rowsOf(batches[2]?.chosen as AnswerRows)[0]?.[0]).toEqual([14, 24, 34, 2, 0, 0]);
  });

  it.each([
    ['there are no pairs', []],
    ['the chosen answer of pair 0 cannot be learned', [{ prompt: [1], chosen: [], rejected: [2] }]],
    ['the rejected answer of pair 0 cannot be learned', [{ prompt: [1], chosen: [2], rejected: [] }]],
    [
      'the rejected answer of pair 1 does not fit into a row',
      [pairs[0], { prompt: [1, 2, 3], chosen: [1], rejected: [1, 2, 3, 4] }],
    ],
    [
      'only some pairs have the log-probabilities',
      [{ ...pairs[0], reference: { chosen: -1, rejected: -1 } }, pairs[1]],
    ],
  ] as [string, unknown[]][])('refuses: %s', (message, given) => {
    expect(() => preferenceLoader(given as PreferencePair[], sizes, { batchSize: 1, key: key(1) })).toThrow(message);
  });
});

describe('preferencePair', () => {
  const text = (tokens: number[], counted: number[]) => ({
    tokens: Int32Array.from(tokens),
    counted: Uint8Array.from(counted),
  });

  it('parts two texts where their answers begin, and leaves out what comes after them', () => {
    const pair = preferencePair(text([1, 2, 3, 4, 9], [0, 0, 1, 1, 0]), text([1, 2, 5, 9], [0, 0, 1, 0]));
    expect([[...Array.from(pair.prompt)], [...Array.from(pair.chosen)], [...Array.from(pair.rejected)]]).toEqual([
      [1, 2],
      [3, 4],
      [5],
    ]);
  });

  it.each([
    [/different prompts[^]*differ from token 1 on/, text([1, 2, 3], [0, 0, 1]), text([1, 4, 3], [0, 0, 1])],
    [/different prompts[^]*of 2 and 1 tokens[^]*token 1 on/, text([1, 2, 3], [0, 0, 1]), text([1, 3], [0, 1])],
    [/which tokens are the chosen answer[^]*no counted token/, text([1, 2], [0, 0]), text([1, 3], [0, 1])],
    [/which tokens are the rejected answer[^]*others between/, text([1, 3], [0, 1]), text([1, 3, 2, 3], [0, 1, 0, 1])],
  ])('refuses: %s', (message, chosen, rejected) => {
    expect(() => preferencePair(chosen, rejected)).toThrow(message);
  });
});

describe('truncatePairs', () => {
  it('cuts answers at the context', () => {
    expect(truncatePairs(pairs.slice(0, 1), 4)).toEqual([{ prompt: [10, 20], chosen: [30, 2], rejected: [40, 50] }]);
    expect(truncatePairs(pairs, 6)).toEqual(pairs);
  });

  it('refuses where no token of an answer would be left, or a stored number is of more than that', () => {
    expect(() => truncatePairs(pairs, 2)).toThrow(/no token of the answers of pair 0 is left/);
    const stored = pairs.map((pair) => ({ ...pair, reference: { chosen: -1, rejected: -2 } }));
    expect(() => truncatePairs(stored, 5)).toThrow(/answers that are not cut/);
  });
});

describe('judgedLoader', () => {
  const answers: JudgedAnswer[] = pairs.map(({ prompt, chosen, rejected }, index) => ({
    prompt,
    answer: index % 2 === 0 ? chosen : rejected,
    desirable: index % 2 === 0,
  }));
  const sides = (rows: AnswerRows) => rowsOf(rows).map(([inputs]) => inputs ?? []);

  it('matches each prompt with the answer before it in the batch, cut where it does not fit', () => {
    const long: JudgedAnswer[] = [
      { prompt: [1], answer: [3, 4, 5], desirable: true },
      { prompt: [6, 7, 8], answer: [9], desirable: false },
    ];
    const { answers: own, mismatched } = judgedLoader(
      long,
      { context: 4, padding: 0 },
      { batchSize: 2, key: key(1) },
    ).next();
    const [first] = sides(own);
    const rows = [[1, 9, 0, 0], [6, 7, 8, 3]]; // prettier-ignore
    expect(sides(mismatched)).toEqual(first?.[0] === 1 ? rows : rows.reverse());
  });

  it('matches over all readers of a batch, and goes on from a cursor', () => {
    const options = { batchSize: 4, key: key(7) };
    const whole = judgedLoader(answers, sizes, options);
    take(whole, 2);
    const { cursor } = whole;
    const expected = whole.next();
    const full = sides(expected.answers);
    sides(expected.mismatched).forEach((row, place) => {
      expect(row.slice(0, 2)).toEqual(full[place]?.slice(0, 2));
      expect(row.slice(2)).toEqual(full.at(place - 1)?.slice(2));
    });
    expect([...expected.desirable]).toEqual(full.map(([first]) => ((first ?? 0) % 2 === 0 ? 1 : 0)));
    expect(judgedLoader(answers, sizes, { ...options, cursor }).next()).toEqual(expected);
    const parts = [0, 1].map((index) =>
      sides(judgedLoader(answers, sizes, { ...options, cursor, reader: { index, count: 2 } }).next().mismatched),
    );
    expect([0, 1, 2, 3].map((row) => parts[row % 2]?.[Math.floor(row / 2)])).toEqual(sides(expected.mismatched));
  });

  it('refuses a batch of one, and answers that cannot be learned', () => {
    expect(() => judgedLoader(answers, sizes, { batchSize: 1, key: key(1) })).toThrow(/at least two answers/);
    expect(() =>
      judgedLoader([...answers, { prompt: [1], answer: [], desirable: true }], sizes, { batchSize: 2, key: key(1) }),
    ).toThrow(/answer 5 cannot be learned/);
  });
});
