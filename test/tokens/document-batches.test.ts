import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, key } from '../../src/engine/key.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { batchesOf } from '../../src/tokens/document-batches.js';
import { loader } from '../../src/tokens/loader.js';
import { pack } from '../../src/tokens/pack.js';

const documents = ['abcdefghij', 'kl', 'mnopqrst', 'u', 'vwxyzabcdefghijklmnop', 'qr'].map((text, index) => ({
  id: `${'abcdef'[index] ?? ''}${index}`,
  text,
}));
const tokenizer = characterTokenizer({ documents });

describe('the batches of a document', () => {
  it('are those that hold its rows, in all batches of the training', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('concatenate', 'best-fit'),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer(),
        fc.nat(100),
        (form, batchSize, steps, seed, began) => {
          const packed = pack({ documents }, tokenizer, 4, { form });
          const cursor = { epoch: Math.floor(began / packed.numRows), row: began % packed.numRows };
          const batches = loader(packed, { batchSize, key: key(seed), cursor });
          const seen = new Map(documents.map(({ id }) => [id, [] as { step: number; place: number; row: number }[]]));
          for (let step = 1; step <= steps; step++) {
            batches.next();
            batches.lastRows?.forEach((row, place) => {
              for (const id of batches.documentsOf?.(row) ?? []) seen.get(id)?.push({ step, place, row });
            });
          }
          for (const [id, expected] of seen) {
            const found = batchesOf(packed, id, { batchSize, steps, key: key(seed), cursor });
            expect(found.batches.map(({ step, place, row }) => ({ step, place, row }))).toEqual(expected);
            if (expected.length > 0) expect(found.firstStep).toBe(expected[0]?.step);
            else expect(found.firstStep).toBeGreaterThan(steps);
          }
        },
      ),
    );
  });

  it('are told in lines that continue the ledger’s', () => {
    const packed = pack({ documents }, tokenizer, 4);
    const options = { batchSize: 3, key: fold(key(1), 'order') };
    const whole = batchesOf(packed, 'a', { ...options, steps: 40 });
    expect(whole.rows).toEqual([0, 1, 2]); // 10 characters and the end: 11 targets
    expect(whole.text()).toMatch(
      /^ {2}pack: 3 rows, 0, 1, 2 of 13\n {2}batches: seen \d+ times in 40 steps: step \d+ \(row [012] at place [012], epoch 0\)/u,
    );
    const none = batchesOf(packed, 'd3', { ...options, steps: 0 });
    expect(none.batches).toEqual([]);
    expect(none.text()).toMatch(/batches: none; its first row comes at step [1-5], and training ended after 0$/u);
  });

  it('refuses an id that is not there, or is not clear, and rows that have no ids', () => {
    const packed = pack({ documents }, tokenizer, 4);
    const options = { batchSize: 3, steps: 4, key: key(1) };
    expect(() => batchesOf(packed, 'zz', options)).toThrow(/no document of this id[^]*zz[^]*ledger\.why/u);
    expect(() => batchesOf(packed, '', options)).toThrow(/6 documents of this id/u);
    const { rowDocuments: _, ...bare } = packed;
    expect(() => batchesOf(bare, 'a', options)).toThrow(/do not say which documents/u);
    expect(() => batchesOf(packed, 'a', { ...options, batchSize: 0 })).toThrow(/no such training/u);
  });
});
