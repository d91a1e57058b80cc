import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bunzip2 } from '../../../src/data/read/bunzip2.js';
import { readCsvDocuments } from '../../../src/data/read/csv-documents.js';
import { decodeUtf8 } from '../../../src/data/read/decode.js';
import type { FormatReader } from '../../../src/data/read/found.js';
import { readJsonLines } from '../../../src/data/read/json-lines.js';
import { readJsonValues } from '../../../src/data/read/json-values.js';
import { linesOf } from '../../../src/data/read/lines.js';
import { passages } from '../../../src/data/read/passages.js';
import { readPlainText } from '../../../src/data/read/plain-text.js';
import type { ReadDocument } from '../../../src/data/read/read.js';
import { textBlocks } from '../../../src/data/read/text-blocks.js';
import { throughStream, unzstd } from '../../../src/data/read/unzstd.js';

/** The bytes in pieces of the sizes given, over and over. */
async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
async function read(reader: FormatReader, bytes: Buffer, sizes: readonly number[]): Promise<ReadDocument[]> {
  const file = {
    disk: '',
    path: 'a',
    origin: { source: 's', domain: 'd' },
    options: {},
    bytes: inPieces(bytes, sizes),
  };
  return (await all(reader(file))).flat();
}
const pieceSizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: fc.constantFrom('a', '学', '😀', 'é', '\n', '"', ',', ' '), maxLength: 60 });

describe('what is read does not depend on where the parts of a file end:', () => {
  it('lines', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, pieceSizes, async (whole, sizes) => {
        const lines = (await all(linesOf(inPieces(whole, sizes), 1000))).flat();
        const expected = whole.toString('latin1').split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(lines.map((line) => line.bytes.toString('latin1'))).toEqual(expected);
        expect(lines.map(({ number }) => number)).toEqual(expected.map((_, index) => index + 1));
      }),
    );
  });

  it('text, and what is mended in it', async () => {
    const mixed = fc
      .array(
        fc.oneof(
          bytes,
          text.map((one) => Buffer.from(one)),
        ),
        { maxLength: 4 },
      )
      .map((parts) => Buffer.concat(parts));
    await fc.assert(
      fc.asyncProperty(mixed, pieceSizes, async (whole, sizes) => {
        const blocks = await all(textBlocks(inPieces(whole, sizes)));
        const expected = decodeUtf8(whole);
        expect(blocks.map((block) => block.text).join('')).toBe(expected.text);
        const counts = blocks.flatMap(({ mended }) => mended.map(({ count }) => count));
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(expected.numInvalid);
      }),
    );
  });

  it('rows of CSV and JSON', async () => {
    const cells = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(cells, pieceSizes, async (rows, sizes) => {
        const quoted = (one: string): string => `"${one.replaceAll('"', '""')}"`;
        const csv = Buffer.from(`text,title\n${rows.map((row) => row.map(quoted).join(',')).join('\n')}`);
        const values = rows.map(([body, title]) => ({ text: body, title }));
        const jsonl = Buffer.from(values.map((value) => JSON.stringify(value)).join('\n'));
        const json = Buffer.from(JSON.stringify(values, undefined, 1));
        for (const [reader, whole] of [
          [readCsvDocuments, csv],
          [readJsonLines, jsonl],
          [readJsonValues, json],
        ] as const) {
          const found = await read(reader, whole, sizes);
          expect(found.map(({ document }) => [document.text, document.title])).toEqual(rows);
        }
      }),
    );
  });

  it('passages of a long text, which are those of the text as a whole', async () => {
    const paragraph = (index: number): string =>
      `${index}. ${'It goes on and on. '.repeat(1 + (Math.imul(index, 2654435761) >>> 27))}${index % 3 === 0 ? '\n\n' : '\n'}`;
    const long = Array.from({ length: 6000 }, (_, index) => paragraph(index)).join('');
    expect(long.length).toBeGreaterThan(1_500_000); // more than the head in which separators are looked for
    const expected = passages(long);
    for (const sizes of [[1_000_003], [65_537, 12_345, 1, 999_983], [4096]]) {
      const found = await read(readPlainText, Buffer.from(long), sizes);
      expect(found.map(({ document }) => document.text)).toEqual(expected);
      let line = 1;
      for (const { document, place } of found) {
        expect(place.row).toBe(line);
        line += document.text.split('\n').length - 1;
      }
    }
  });

  it('documents between separators, however late these come', async () => {
    const stories = Array.from({ length: 3000 }, (_, index) => `Story ${index}.\n${'And then. '.repeat(index % 70)}\n`);
    const between = Buffer.from(stories.join('<|endoftext|>\n'));
    for (const sizes of [[between.length], [1021], [65_536, 7]]) {
      expect((await read(readPlainText, between, sizes)).map(({ document }) => document.text)).toEqual(stories);
    }
    const begin = 'A line of text.\n'.repeat(80_000); // passages; the first separator ends one
    const late = await read(readPlainText, Buffer.from(`${begin}<|endoftext|>\nLast.\n`), [100_000]);
    expect(late.at(-1)?.document.text).toBe('Last.\n');
    expect(
      late
        .slice(0, -1)
        .map(({ document }) => document.text)
        .join(''),
    ).toBe(begin);
  });

  it('zstd, frame by frame', async () => {
    const packed = await readFile(join(import.meta.dirname, 'fixtures', 'squares.txt.zst'));
    const whole = Buffer.concat(await all(unzstd(inPieces(packed, [packed.length]))));
    expect(whole.length).toBeGreaterThan(50_000);
    expect(Buffer.concat(await all(unzstd(inPieces(packed, [1, 2, 3])))).equals(whole)).toBe(true);
    // Each frame goes through a stream of its own (as where Node has zstd), and what is to be skipped through none.
    const skipped = Buffer.from([0x52, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]);
    let streams = 0;
    const passed = unzstd(inPieces(Buffer.concat([packed, skipped, packed]), [5000]), (units) => {
      streams++;
      return throughStream(units, new PassThrough());
    });
    expect(Buffer.concat(await all(passed)).equals(Buffer.concat([packed, packed]))).toBe(true);
    expect(streams).toBe(4);
  });

  it('bzip2', async () => {
    const packed = await readFile(join(import.meta.dirname, 'fixtures', 'squares.txt.bz2'));
    const whole = Buffer.concat(await all(bunzip2(inPieces(packed, [packed.length]))));
    expect(whole.length).toBeGreaterThan(50_000);
    expect(Buffer.concat(await all(bunzip2(inPieces(packed, [1, 2, 3])))).equals(whole)).toBe(true);
  });
});
