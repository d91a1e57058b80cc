import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import { load } from '../../../src/data/read/load.js';
import { readAll, testFolder, textsOf } from './reading.js';

const { write, path: folder } = testFolder();
const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);
const lines = ['{"text":"a"}', '{"text":', '[1]', '{"body":"b"}', '{"text":"c"}'];

describe('a bad row', () => {
  it('is an error with its line, or a reject that the ledger lists and counts', async () => {
    const path = await write('rows.jsonl', lines.join('\n'));
    await expect(load(path)).rejects.toThrow(/rows\.jsonl:2 is not JSON[\s\S]*onBadRow/u);
    const { documents, ledger } = await load(path, { onBadRow: 'reject' });
    expect(documents.map(({ text }) => text)).toEqual(['a', 'c']);
    expect(ledger.counts()[0]).toMatchObject({
      documentsIn: 5,
      documentsOut: 2,
      dropped: { 'not JSON': 1, 'no text': 2 },
    });
    const rejects = ledger.fates.filter(({ events }) => events.length > 0);
    expect(rejects.map(({ place, events }) => [place?.row, events[0]?.dropped?.evidence])).toEqual([
      [2, `${path}:2 is not JSON`],
      [3, `${path}:3 has no text`],
      [4, 'fields: body'],
    ]);
  });

  it('is a line of 50 MB', async () => {
    const long = Buffer.concat([Buffer.from('{"text":"'), Buffer.alloc(50_000_000, 'x'), Buffer.from('"}')]);
    const path = await write(
      'long.jsonl',
      Buffer.concat([Buffer.from('{"text":"a"}\n'), long, Buffer.from('\n{"text":"b"}')]),
    );
    await expect(load(path)).rejects.toThrow(
      /long\.jsonl:2 is a row of 50,000,011 bytes[\s\S]*at most 33,554,432[\s\S]*largestRow/u,
    );
    const read = await readAll(path, { onBadRow: 'reject' });
    expect(read.map(({ verdict, place }) => [place.row, 'drop' in verdict ? verdict.drop : 'kept'])).toEqual([
      [1, 'kept'],
      [2, 'row too long'],
      [3, 'kept'],
    ]);
    expect(read[1]?.document.text.length).toBeLessThan(5000);
    expect((await textsOf(path, { largestRow: 1e8 }))[1]).toHaveLength(50_000_000);
  });

  it('may be too long in every format that has rows', async () => {
    const options = { onBadRow: 'reject', largestRow: 1000 } as const;
    const long = 'word '.repeat(400);
    const drops = async (name: string, content: string): Promise<unknown[]> =>
      (await readAll(await write(name, content), options)).map(({ verdict }) =>
        'drop' in verdict ? verdict.drop : 'kept',
      );
    expect(await drops('long.txt', `a\n<|endoftext|>\n${long}\n<|endoftext|>\nb\n<|endoftext|>\n`)).toEqual([
      'kept',
      'row too long',
      'kept',
    ]);
    expect(await drops('long.json', `[{"text":"a"},{"text":"${long}"},{"text":"b"}]`)).toEqual([
      'kept',
      'row too long',
      'kept',
    ]);
    expect(await drops('long.md', long)).toEqual(['row too long']);
    expect(await drops('long.html', long)).toEqual(['row too long']);
    const page = (text: string): string =>
      `<page><title>t</title><ns>0</ns><revision><text>${text}</text></revision></page>`;
    expect(await drops('long.xml', `<mediawiki>${page('a')}${page(long)}${page('b')}</mediawiki>`)).toEqual([
      'kept',
      'row too long',
      'kept',
    ]);
    const record = (body: string): string =>
      `WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: ${body.length}\r\n\r\n${body}\r\n\r\n`;
    expect(await drops('long.wet', record('a') + record(long) + record('b'))).toEqual(['kept', 'row too long', 'kept']);
  });
});

describe('a bad file', () => {
  const png = Buffer.concat([Buffer.from([0x89]), Buffer.from('PNG\r\n\x1a\n'), Buffer.alloc(40)]);
  it.each(['a.csv', 'a.tsv', 'a.jsonl', 'a.json', 'a.txt', 'a.md', 'a.xml', 'a.html', 'a.wet', 'a.parquet', 'a.arrow'])(
    '%s is empty, or binary',
    async (name) => {
      await expect(load(await write(name, ''))).rejects.toThrow(/is empty/u);
      if (name === 'a.html') return; // any bytes are a page
      await expect(load(await write(name, png))).rejects.toThrow(/binary|damaged/u);
    },
  );

  it('is of another encoding, unless that is named', async () => {
    const gbk = Buffer.concat(Array.from({ length: 30 }, () => Buffer.from([0xd1, 0xa7, 0xb6, 0xf8, 0x0a]))); // 学而
    const path = await write('gbk.txt', gbk);
    await expect(load(path)).rejects.toThrow(/not UTF-8[\s\S]*gb18030/u);
    expect((await textsOf(path, { encoding: 'gb18030' })).join('')).toBe('学而\n'.repeat(30));
    expect(await textsOf(await write('utf16.txt', Buffer.from('\uFEFF学a\n', 'utf16le')))).toEqual(['学a\n']);
    await expect(textsOf(path, { encoding: 'gbk-2' })).rejects.toThrow(/no such encoding/u);
  });

  it('is cut off: an error, or a reject after the rows that were whole', async () => {
    const rows = Array.from({ length: 5000 }, (_, index) =>
      JSON.stringify({ text: `Row ${Math.imul(index, 2654435761)}` }),
    );
    const zipped = gzipSync(rows.join('\n'));
    const path = await write('cut.jsonl.gz', zipped.subarray(0, zipped.length - 2000));
    await expect(load(path)).rejects.toThrow(/gzip file is damaged or cut off[\s\S]*unexpected end/u);
    const read = await readAll(path, { onBadRow: 'reject' });
    expect(read.length).toBeGreaterThan(1);
    expect(read.at(-1)?.verdict).toMatchObject({ drop: 'file damaged' });
    expect(read.slice(0, -1).every(({ verdict }) => 'keep' in verdict)).toBe(true);
  });

  it('has something after its gzip members that is none', async () => {
    const member = gzipSync('{"text":"a"}\n');
    expect(await textsOf(await write('many.jsonl.gz', Buffer.concat([member, member, Buffer.alloc(512)])))).toEqual([
      'a',
      'a',
    ]);
    const broken = Buffer.from(member);
    broken[0] = 0;
    await expect(load(await write('broken.jsonl.gz', Buffer.concat([member, broken])))).rejects.toThrow(/damaged/u);
  });

  it.each(['squares.txt.bz2', 'squares.txt.zst'])('%s: whole, many streams; damaged at any place', async (name) => {
    const whole = await readFile(fixture(name));
    const text = (await textsOf(fixture(name))).join('');
    expect(text).toBe(
      'A line of text.\n'.repeat(2000) + Array.from({ length: 3000 }, (_, number) => `${number * number}\n`).join(''),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, bits) => {
          const damaged = Buffer.from(whole);
          damaged[at] = (damaged[at] ?? 0) ^ bits;
          const read = await textsOf(await write(`damaged-${name}`, damaged)).catch((error: unknown) => error);
          // A bit that means nothing (such as zstd's unused one) may change; the text may not.
          if (Array.isArray(read)) expect(read.join('')).toBe(text);
          else expect(read).toBeInstanceOf(TrainbookError);
        },
      ),
      { numRuns: 60 },
    );
    for (let length = 0; length < whole.length; length += 331) {
      await expect(load(await write(`cut-${name}`, whole.subarray(0, length)))).rejects.toThrow(TrainbookError);
    }
  });

  it('is not there', async () => {
    await expect(load(join(folder(), 'missing.jsonl'))).rejects.toThrow(/no such data set, file or folder/u);
  });

  it('is any bytes: documents or a TrainbookError, and never anything else', async () => {
    const names = [
      'x.csv',
      'x.jsonl',
      'x.json',
      'x.txt',
      'x.md',
      'x.html',
      'x.xml',
      'x.wet',
      'x.parquet',
      'x.arrow',
      'x.txt.gz',
      'x.txt.bz2',
      'x.txt.zst',
    ];
    const starts = [
      '',
      '{"text":"a"}\n',
      'text\n"',
      '[{',
      '<mediawiki><page>',
      'WARC/1.0\r\n',
      'PAR1',
      'ARROW1\0\0',
      'BZh9',
      '<p>',
    ].map((start) => Buffer.from(start));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.constantFrom(...starts),
        fc.uint8Array({ maxLength: 80 }),
        async (name, start, bytes) => {
          const path = await write(name, Buffer.concat([start, bytes]));
          const read = await readAll(path).catch((error: unknown) => error);
          if (!Array.isArray(read)) expect(read).toBeInstanceOf(TrainbookError);
        },
      ),
      { numRuns: 400 },
    );
  });
});
