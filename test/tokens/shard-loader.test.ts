import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import type { Batch, Loader } from '../../src/tokens/loader.js';
import type { Shards } from '../../src/tokens/open-shards.js';
import { pack } from '../../src/tokens/pack.js';
import { shardLoader } from '../../src/tokens/shard-loader.js';
import type { ShardLoaderOptions } from '../../src/tokens/shard-loader.js';
import { writeShards } from '../../src/tokens/write-shards.js';
import { interleaved } from './interleaved.js';

const alphabet = 'abcdefghijklmnopqrstuvwxyz';
const documents = Array.from({ length: 60 }, (_, index) => ({
  text: alphabet.slice(index % 23).repeat(index % 3) + alphabet.slice(0, index % 26),
}));
const tokenizer = characterTokenizer({ documents: [{ text: alphabet }] });

let folder = '';
/** The same documents in shards of different sizes: of one document each, of about 100 tokens, all in one. */
const cut: Shards[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shard-loader-'));
  for (const tokensPerShard of [1, 100, 2 ** 20]) {
    cut.push(await writeShards(documents, tokenizer, join(folder, `${tokensPerShard}`), { tokensPerShard }));
  }
});
afterAll(async () => {
  for (const shards of cut) shards.close();
  await rm(folder, { recursive: true, force: true });
});

const loaderOf = (options: ShardLoaderOptions, which = 1): Loader => {
  const shards = cut[which];
  if (!shards) throw new Error('not written');
  return shardLoader(shards, options);
};
const take = (from: Loader, count: number): Batch[] => Array.from({ length: count }, () => from.next());

/** A row with all that a batch says of it. */
const rowsOf = ({ inputs, targets, weights, documents, positions, context, batchSize }: Batch): string[] =>
  Array.from({ length: batchSize }, (_, row) =>
    [inputs, targets, weights, documents ?? [], positions ?? []]
      .map((all) => all.slice(row * context, (row + 1) * context).join(' '))
      .join(' | '),
  );

describe('shardLoader', () => {
  it('gives the rows of pack, every one once an epoch, in another order each time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.boolean(), fc.integer(), (context, numbered, seed) => {
        const packed = pack({ documents }, tokenizer, context, { documents: numbered });
        const options = { context, batchSize: 1, key: key(seed), documents: numbered };
        const batches = loaderOf(options);
        expect(batches.numRows).toBe(packed.numRows);
        const whole: Batch = {
          inputs: Int32Array.from(packed.tokens.filter((_, at) => at % (context + 1) < context)),
          targets: Int32Array.from(packed.tokens.filter((_, at) => at % (context + 1) > 0)),
          weights: Float32Array.from(packed.weights),
          ...(packed.documents && { documents: packed.documents }),
          ...(packed.positions && { positions: packed.positions }),
          batchSize: packed.numRows,
          context,
        };
        const [first, second] = [1, 2].map(() => take(batches, packed.numRows).flatMap(rowsOf));
        expect(batches.cursor).toEqual({ epoch: 2, row: 0 });
        const expected = rowsOf(whole).sort();
        expect([...(first ?? [])].sort()).toEqual(expected);
        expect([...(second ?? [])].sort()).toEqual(expected);
        if (packed.numRows > 20) expect(first).not.toEqual(second);
      }),
      { numRuns: 20 },
    );
  });

  it('does not depend on how tokens are cut into shards, on stops, or on the number of readers', () => {
    expect(cut.map(({ numShards }) => numShards)[0]).toBe(60);
    expect(cut[2]?.numShards).toBe(1);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer(),
        fc.array(fc.nat(2), { maxLength: 15 }),
        (context, count, each, seed, shardings) => {
          const options = { context, batchSize: count * each, key: key(seed), documents: true };
          const whole = take(loaderOf(options), shardings.length);
          let cursor = { epoch: 0, row: 0 };
          const parts = shardings.map((which) => {
            const readers = Array.from({ length: count }, (_, index) =>
              loaderOf({ ...options, cursor, reader: { index, count } }, which),
            );
            const batch = interleaved(readers.map((one) => one.next()));
            cursor = JSON.parse(JSON.stringify(readers.at(-1)?.cursor)) as typeof cursor;
            return batch;
          });
          expect(parts).toEqual(whole);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('takes an order that is computed, where rows are many', async () => {
    // 70,000 targets, in rows of one: more than are put in a list.
    const text = alphabet.repeat(2693).slice(0, 69_999);
    const many = await writeShards([{ text }], tokenizer, join(folder, 'many'));
    const batches = shardLoader(many, { context: 1, batchSize: 7000, key: key(1) });
    expect(batches.numRows).toBe(70_000);
    const counts = new Array<number>(27).fill(0);
    let inPlace = 0;
    for (const [index, batch] of take(batches, 10).entries()) {
      batch.targets.forEach((token, place) => {
        counts[token] = (counts[token] ?? 0) + 1;
        if (token === (7000 * index + place) % 26) inPlace++;
      });
    }
    // 69,999 = 2692 · 26 + 7: a … g once more, and one end of text. Of a shuffled order 1 in 26 stands where it was.
    expect(counts).toEqual(Array.from({ length: 27 }, (_, id) => (id === 26 ? 1 : id < 7 ? 2693 : 2692)));
    expect(Math.abs(inPlace - 70_000 / 26)).toBeLessThan(4 * Math.sqrt(70_000 / 26));
    expect(batches.cursor).toEqual({ epoch: 1, row: 0 });
    many.close();
  });

  it('refuses a context or a cursor that cannot be', () => {
    expect(() => loaderOf({ context: 0, batchSize: 1, key: key(1) })).toThrow(/context must be positive/);
    expect(() => loaderOf({ context: 8, batchSize: 1, key: key(1), cursor: { epoch: 0, row: 1e9 } })).toThrow(
      /outside the rows/,
    );
  });
});

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(shards: Shards): void {
  // @ts-expect-error without a context
  shardLoader(shards, { batchSize: 4, key: key(1) });
}
