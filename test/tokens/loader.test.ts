import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { inOrder, loader, windows } from '../../src/tokens/loader.js';
import type { Batch, Loader, LoaderOptions } from '../../src/tokens/loader.js';
import { pack } from '../../src/tokens/pack.js';
import { interleaved } from './interleaved.js';

const alphabet = 'abcdefghijklmnopqrstuvwxyz';
const documents = [{ text: alphabet }];
const tokenizer = characterTokenizer({ documents }); // a 0 … z 25, end of text 26
const packed = pack({ documents }, tokenizer, 4); // 27 targets: 7 rows, the last with 3
const stream = Int32Array.from({ length: 50 }, (_, index) => index);

/** The first target of each row, by which rows are told apart. */
function rowsOf({ targets, context, batchSize }: Batch): number[] {
  return Array.from({ length: batchSize }, (_, place) => targets[place * context] ?? -1);
}

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error a reader says of how many it is one
  loader(packed, { batchSize: 4, key: key(1), reader: { index: 0 } });
  // @ts-expect-error windows have no length of their own
  windows(stream, { batchSize: 4, key: key(1) });
}

const take = (from: Loader, count: number): Batch[] => Array.from({ length: count }, () => from.next());

describe('loader', () => {
  it('gives every row once an epoch, in another order each time', () => {
    const rows = take(loader(packed, { batchSize: 1, key: key(3) }), 14).flatMap(rowsOf);
    const first = rows.slice(0, 7);
    const second = rows.slice(7);
    const all = [0, 4, 8, 12, 16, 20, 24];
    expect([...first].sort((a, b) => a - b)).toEqual(all);
    expect([...second].sort((a, b) => a - b)).toEqual(all);
    expect(second).not.toEqual(first);
  });

  it('gives targets one place after inputs, and no weight to padding', () => {
    const batch = take(loader(packed, { batchSize: 1, key: key(3) }), 7).find((one) => rowsOf(one)[0] === 24);
    // The last row: x | y z end, and one place of padding.
    expect(batch).toEqual({
      inputs: Int32Array.of(23, 24, 25, 26),
      targets: Int32Array.of(24, 25, 26, 26),
      weights: Float32Array.of(1, 1, 1, 0),
      batchSize: 1,
      context: 4,
    });
  });

  it('goes on into the next epoch within a batch, also where a batch is larger than an epoch', () => {
    const single = take(loader(packed, { batchSize: 1, key: key(5) }), 20).flatMap(rowsOf);
    expect(take(loader(packed, { batchSize: 5, key: key(5) }), 4).flatMap(rowsOf)).toEqual(single);
    expect(take(loader(packed, { batchSize: 20, key: key(5) }), 1).flatMap(rowsOf)).toEqual(single);
  });

  it('gives the same sequence wherever it was saved and restored', () => {
    const kinds = [
      (batchSize: number, seed: number, cursor?: Loader['cursor']) =>
        loader(packed, { batchSize, key: key(seed), ...(cursor === undefined ? {} : { cursor }) }),
      (batchSize: number, seed: number, cursor?: Loader['cursor']) =>
        windows(stream, { context: 6, batchSize, key: key(seed), ...(cursor === undefined ? {} : { cursor }) }),
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.array(fc.boolean(), { maxLength: 30 }),
        (make, batchSize, seed, interruptions) => {
          const whole = take(make(batchSize, seed), interruptions.length);
          let one = make(batchSize, seed);
          const parts = interruptions.map((interrupted) => {
            // A cursor goes through JSON into a checkpoint.
            if (interrupted) one = make(batchSize, seed, JSON.parse(JSON.stringify(one.cursor)) as Loader['cursor']);
            return one.next();
          });
          expect(parts).toEqual(whole);
        },
      ),
    );
  });

  it('says where documents are if the rows do', () => {
    const texts = ['abc', 'de', 'fghijk', 'l'].map((text) => ({ text }));
    const whole = pack({ documents: texts }, tokenizer, 4, { form: 'best-fit' });
    const batch = loader(whole, { batchSize: whole.numRows, key: key(2) }).next();
    const ordered = [...inOrder(whole, whole.numRows)].map(({ documents, positions }) => ({ documents, positions }));
    expect(ordered).toEqual([{ documents: whole.documents, positions: whole.positions }]);
    // Each row of the batch is one of the packing, with its own documents and positions.
    const rowOf = (from: Batch | undefined, row: number): string =>
      [from?.inputs, from?.documents, from?.positions]
        .map((all) => all?.subarray(row * 4, row * 4 + 4).join(' '))
        .join(' | ');
    const rows = (from: Batch | undefined): string[] =>
      Array.from({ length: whole.numRows }, (_, row) => rowOf(from, row)).sort();
    expect(rows(batch)).toEqual(rows([...inOrder(whole, whole.numRows)][0]));
    expect('documents' in loader(packed, { batchSize: 1, key: key(2) }).next()).toBe(false);
  });

  it('gives any number of readers the batch of one, part by part, from any of their cursors on', () => {
    const withDocuments = pack({ documents }, tokenizer, 4, { documents: true });
    const kinds = [
      (options: LoaderOptions) => loader(withDocuments, options),
      (options: LoaderOptions) => windows(stream, { ...options, context: 6 }),
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer(),
        (make, count, each, numBefore, seed) => {
          const options = { batchSize: count * each, key: key(seed) };
          const alone = make(options);
          const [first] = Array.from({ length: count }, (_, index) => make({ ...options, reader: { index, count } }));
          for (let step = 0; step < numBefore; step++)
            expect(first?.next().batchSize).toBe(alone.next().batchSize / count);
          expect(first?.cursor).toEqual(alone.cursor);
          const { cursor } = alone;
          const readers = Array.from({ length: count }, (_, index) =>
            make({ ...options, cursor, reader: { index, count } }),
          );
          for (let step = 0; step < 3; step++)
            expect(interleaved(readers.map((one) => one.next()))).toEqual(alone.next());
        },
      ),
    );
  });

  it('refuses a reader that cannot be, or a batch that does not part evenly', () => {
    const options = { batchSize: 6, key: key(1) };
    expect(() => loader(packed, { ...options, reader: { index: 2, count: 2 } })).toThrow(/reader 2 of 2/);
    expect(() => loader(packed, { ...options, reader: { index: 0, count: 0 } })).toThrow(/reader 0 of 0/);
    expect(() => loader(packed, { ...options, reader: { index: 0, count: 4 } })).toThrow(/6 rows, 4 readers/);
  });

  it('refuses a batch size or a cursor that cannot be', () => {
    expect(() => loader(packed, { batchSize: 0, key: key(1) })).toThrow('batch size must be positive');
    expect(() => loader(packed, { batchSize: 2, key: key(1), cursor: { epoch: 0, row: 7 } })).toThrow(
      'a row from 0 to 6',
    );
    expect(() => loader(packed, { batchSize: 2, key: key(1), cursor: { epoch: -1, row: 0 } })).toThrow(
      'outside the rows',
    );
  });
});

describe('windows', () => {
  it('draws windows evenly from the whole stream', () => {
    const counts = new Array<number>(44).fill(0);
    for (const batch of take(windows(stream, { context: 6, batchSize: 10, key: key(1) }), 1000)) {
      expect(batch.weights.every((weight) => weight === 1)).toBe(true);
      batch.inputs.forEach((token, index) => {
        expect(batch.targets[index]).toBe(token + 1);
      });
      for (let place = 0; place < 10; place++) {
        const start = batch.inputs[place * 6] ?? -1;
        counts[start] = (counts[start] ?? 0) + 1;
      }
    }
    expect(counts).toHaveLength(44);
    // χ² of 10,000 draws over 44 starts: 43 degrees of freedom, mean 43, below 78 with probability 0.999.
    const expected = 10_000 / 44;
    expect(counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(78);
  });

  it('refuses a stream shorter than a window', () => {
    expect(() => windows(stream, { context: 50, batchSize: 1, key: key(1) })).toThrow('50 tokens, context 50');
    expect(take(windows(stream, { context: 49, batchSize: 2, key: key(1) }), 1).flatMap(rowsOf)).toEqual([1, 1]);
  });
});

describe('inOrder', () => {
  it('gives every row once and fills the last batch with rows of no weight', () => {
    const batches = [...inOrder(packed, 3)];
    expect(batches.flatMap(rowsOf)).toEqual([0, 4, 8, 12, 16, 20, 24, 0, 0]);
    expect(batches.map(({ weights }) => weights.reduce((sum, weight) => sum + weight, 0))).toEqual([12, 12, 3]);
  });
});
