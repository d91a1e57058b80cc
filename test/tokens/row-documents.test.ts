import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { loader } from '../../src/tokens/loader.js';
import { packExamples } from '../../src/tokens/pack-examples.js';
import { pack } from '../../src/tokens/pack.js';
import { documentsOfRow } from '../../src/tokens/row-documents.js';
import { shardLoader } from '../../src/tokens/shard-loader.js';
import { writeShards } from '../../src/tokens/write-shards.js';

const alphabet = 'abcdefghijklmnopqrstuvwxyz';
const tokenizer = characterTokenizer({ documents: [{ text: alphabet }] });
const listOf = ({ rowDocuments, numRows }: ReturnType<typeof pack>): string[][] =>
  Array.from({ length: numRows }, (_, row) => documentsOfRow(rowDocuments, row));

describe('the documents of a row', () => {
  const documents = [
    { id: 'A', text: 'abc' },
    { id: 'B', text: 'de' },
    { id: 'C', text: 'fghijklmn' },
  ];

  it('end to end: those that have a target in it', () => {
    // Targets a b c . | d e . f | g h i j | k l m n | .
    expect(listOf(pack({ documents }, tokenizer, 4))).toEqual([['A'], ['B', 'C'], ['C'], ['C'], ['C']]);
    expect(listOf(pack({ documents: [{ text: 'a' }, { text: '' }] }, tokenizer, 8))).toEqual([
      ['document 0', 'document 1'],
    ]);
  });

  it('by best fit: each once, whole but for what is longer than a row', () => {
    const rows = listOf(pack({ documents }, tokenizer, 8, { form: 'best-fit' }));
    expect(rows.flat().sort()).toEqual(['A', 'B', 'C', 'C']); // ten targets of C are two rows
    expect(rows.filter((row) => row.includes('C'))).toHaveLength(2);
  });

  it('by best fit, letters in a row are those of its documents, for any documents', () => {
    const text = fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        fc.uniqueArray(text, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 2, max: 16 }),
        (all, context) => {
          const corpus = { documents: all.map((each) => ({ id: each, text: each })) };
          for (const form of ['best-fit', 'concatenate'] as const) {
            const packed = pack(corpus, tokenizer, context, { form });
            listOf(packed).forEach((ids, row) => {
              const targets = packed.tokens.subarray(row * (context + 1) + 1, (row + 1) * (context + 1));
              const counted = targets.filter((_, place) => packed.weights[row * context + place] === 1);
              const letters = new Set(Array.from(tokenizer.decode(counted.filter((id) => id !== tokenizer.endOfText))));
              const allowed = new Set(ids.join(''));
              expect([...letters].filter((letter) => !allowed.has(letter))).toEqual([]);
            });
            expect(new Set(listOf(packed).flat())).toEqual(new Set(all));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('examples have the names they come with', () => {
    const example = (id?: string) => ({
      tokens: Int32Array.of(1, 2, 3),
      counted: Uint8Array.of(0, 1, 1),
      ...(id !== undefined && { id }),
    });
    const packed = packExamples([example('chat 7'), example()], tokenizer, 2);
    expect(listOf(packed).sort()).toEqual([['chat 7'], ['example 1']]);
  });
});

describe('a loader', () => {
  const documents = Array.from({ length: 40 }, (_, index) => ({
    id: `id-${index}`,
    text: alphabet.slice(index % 20, (index % 20) + 1 + (index % 6)),
  }));

  it('says which rows its last batch had, the same to all readers, and their documents', () => {
    const packed = pack({ documents }, tokenizer, 6);
    const whole = loader(packed, { batchSize: 4, key: key(1) });
    const second = loader(packed, { batchSize: 4, key: key(1), reader: { index: 1, count: 2 } });
    expect(whole.lastRows).toEqual([]);
    for (let step = 0; step < 20; step++) {
      const batch = whole.next();
      const part = second.next();
      const rows = whole.lastRows ?? [];
      expect(second.lastRows).toEqual(rows);
      rows.forEach((row, place) => {
        const inputs = packed.tokens.subarray(row * 7, row * 7 + 6);
        expect(batch.inputs.subarray(place * 6, place * 6 + 6)).toEqual(inputs);
        if (place === 3) expect(part.inputs.subarray(6, 12)).toEqual(inputs);
        expect(whole.documentsOf?.(row)).toEqual(documentsOfRow(packed.rowDocuments, row));
      });
    }
  });

  it('of shards numbers documents as pack does, however they are cut', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'row-documents-'));
    const packed = pack({ documents: documents.map(({ text }) => ({ text })) }, tokenizer, 6);
    for (const tokensPerShard of [1, 25, 1000]) {
      const shards = await writeShards(documents, tokenizer, join(folder, `${tokensPerShard}`), { tokensPerShard });
      const batches = shardLoader(shards, { context: 6, batchSize: 3, key: key(2) });
      for (let row = 0; row < packed.numRows; row++)
        expect(batches.documentsOf?.(row)).toEqual(documentsOfRow(packed.rowDocuments, row));
      expect(() => shards.documentAt(shards.numTokens)).toThrow('outside');
      shards.close();
    }
    await rm(folder, { recursive: true });
  });
});
