import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { load } from '../../../src/data/read/load.js';
import { publicDatasetNames, publicDatasets } from '../../../src/data/read/public-datasets.js';
import { testFolder } from './reading.js';

const folder = testFolder();

/** A small copy in the layout of the publisher. */
async function copy(name: string, path: string, content: string | Uint8Array): Promise<string> {
  const from = join(folder.path(), name);
  await mkdir(dirname(join(from, path)), { recursive: true });
  await writeFile(join(from, path), content);
  return from;
}
const jsonLines = (...rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

async function parquet(columns: Readonly<Record<string, readonly (string | number)[]>>): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: Object.entries(columns).map(([name, data]) => ({
        name,
        data: [...data],
        type: typeof data[0] === 'string' ? 'STRING' : 'DOUBLE',
      })),
    }),
  );
}

describe('public data sets, from small copies in their layout', () => {
  it('FineWeb', async () => {
    const file = await parquet({
      text: ['A page.'],
      id: ['<urn:uuid:1>'],
      dump: ['CC-MAIN-2024-10'],
      url: ['http://e.org'],
      language: ['en'],
      language_score: [0.97],
      token_count: [3],
    });
    const { documents } = await load('fineweb', {
      from: await copy('fineweb', 'data/CC-MAIN-2024-10/000_00000.parquet', file),
    });
    expect(documents).toMatchObject([
      {
        text: 'A page.',
        source: 'fineweb',
        domain: 'web',
        language: 'en',
        meta: { url: 'http://e.org', token_count: 3, id: '<urn:uuid:1>' },
      },
    ]);
  });

  it('Wikipedia as Parquet, and The Stack', async () => {
    const wiki = await parquet({
      id: ['12'],
      url: ['https://en.wikipedia.org/wiki/A'],
      title: ['A'],
      text: ['A is a letter.'],
    });
    const code = await parquet({ content: ['let a = 1;'], lang: ['TypeScript'], size: [10] });
    const from = {
      wikipedia: await copy('wikipedia', '20231101.en/train-00000-of-00041.parquet', wiki),
      the_stack: await copy('the_stack', 'data/typescript/a.parquet', code),
    };
    const { documents } = await load(['wikipedia', 'the_stack'], { from });
    expect(documents).toMatchObject([
      { text: 'A is a letter.', title: 'A', domain: 'encyclopedia' },
      { text: 'let a = 1;', source: 'the_stack', domain: 'TypeScript', meta: { size: 10 } },
    ]);
  });

  it('C4, Dolma and OSCAR', async () => {
    const c4 = await copy(
      'c4',
      'en/c4-train.00000-of-01024.json.gz',
      gzipSync(jsonLines({ text: 'A.', timestamp: '2019-04-25T12:57:54Z', url: 'http://e.org' })),
    );
    expect((await load('c4', { from: c4 })).documents).toMatchObject([
      { text: 'A.', domain: 'web', language: 'en', meta: { url: 'http://e.org' } },
    ]);
    const dolma = await copy(
      'dolma',
      'data/cc_en_head-0000.json.gz',
      gzipSync(jsonLines({ id: '1', text: 'B.', added: 'x', created: 'y', source: 'common-crawl', metadata: {} })),
    );
    expect((await load('dolma', { from: dolma })).documents).toMatchObject([
      { text: 'B.', source: 'dolma', domain: 'common-crawl' },
    ]);
    const oscar = await copy(
      'oscar',
      'fr_meta/fr_meta_part_1.jsonl.gz',
      gzipSync(
        jsonLines({
          content: 'C.',
          warc_headers: { 'warc-target-uri': 'http://e.fr' },
          metadata: { identification: { label: 'fr', prob: 0.9 }, quality_warnings: null },
        }),
      ),
    );
    expect((await load('oscar', { from: oscar })).documents).toMatchObject([
      { text: 'C.', language: 'fr', meta: { warc_headers: { 'warc-target-uri': 'http://e.fr' } } },
    ]);
  });

  it('The Pile, as JSON Lines of zstd', async () => {
    // `zstd -q` of one row, 0.9 kB of it the magic, a raw block and no checksum.
    const row = Buffer.from(jsonLines({ text: 'D.', meta: { pile_set_name: 'Pile-CC' } }));
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, row.length, 0, 0, 0]);
    header.writeUIntLE((row.length << 3) | 1, 6, 3);
    const from = await copy('the_pile', 'train/00.jsonl.zst', Buffer.concat([header, row]));
    expect((await load('the_pile', { from })).documents).toMatchObject([
      { text: 'D.', domain: 'Pile-CC', language: 'en' },
    ]);
  });

  it('SkyPile and WuDao', async () => {
    const skypile = await copy('skypile', 'data/2020-40_zh_head_0000.jsonl', jsonLines({ text: '学而时习之。' }));
    expect((await load('skypile', { from: skypile })).documents).toMatchObject([
      { text: '学而时习之。', language: 'zh' },
    ]);
    const wudao = await copy(
      'wudao',
      'WuDaoCorpus2.0_base_200G/part-2021278643.json',
      JSON.stringify([{ id: 1, uniqueKey: 'a', titleUkey: 'b', dataType: '百科', title: '题', content: '文。' }]),
    );
    expect((await load('wudao', { from: wudao })).documents).toMatchObject([
      { text: '文。', title: '题', domain: '百科', language: 'zh', meta: { uniqueKey: 'a' } },
    ]);
  });

  it('Common Crawl WET, and TinyStories', async () => {
    const body = 'A page.';
    const wet = await copy(
      'wet',
      'crawl-data/CC-MAIN-2024-22/segments/1/wet/CC-MAIN-1-00000.warc.wet.gz',
      gzipSync(
        `WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://e.org\r\nContent-Length: ${body.length}\r\n\r\n${body}\r\n\r\n`,
      ),
    );
    expect((await load('common_crawl_wet', { from: wet })).documents).toMatchObject([
      { text: body, domain: 'web', meta: { url: 'http://e.org' } },
    ]);
    const stories = await copy('stories', 'TinyStories-train.txt', 'One.\n<|endoftext|>\nTwo.\n<|endoftext|>\n');
    expect((await load('tinystories', { from: stories })).documents.map(({ text }) => text)).toEqual([
      'One.\n',
      'Two.\n',
    ]);
  });

  it('a dump of Wikipedia is bzip2', () => {
    expect(publicDatasets.wikipedia_dump.files).toMatch(/\.bz2$/u);
  });

  it.each(publicDatasetNames)('%s: what to download is said where there is no copy', async (name) => {
    const { page, licence } = publicDatasets[name];
    await expect(load(name)).rejects.toThrow(
      new RegExp(`does not come with trainbook[\\s\\S]*${name}[\\s\\S]*${page.replaceAll('?', '\\?')}`, 'u'),
    );
    await expect(load(name, { from: join(folder.path(), 'empty') })).rejects.toThrow(licence.slice(0, 10));
  });
});
