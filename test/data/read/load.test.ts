import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../../src/data/read/load.js';
import { hash } from '../../../src/files.js';

let folder: string;
const write = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-数据-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('load', () => {
  it('reads data sets by name, as many as have a share', async () => {
    const { documents, ledger } = await load({ shares: { shakespeare: 2, brown: 1 } });
    expect(documents).toHaveLength(42 + 223);
    expect(ledger.counts()).toEqual([
      { step: 'read', documentsIn: 265, documentsOut: 265, changed: 0, changes: {}, dropped: {} },
    ]);
    expect(documents[0]).toMatchObject({
      source: 'shakespeare',
      domain: 'shakespeare',
      language: 'en',
      title: 'Alls Well That Ends Well',
      meta: { id: 'alls_well_that_ends_well' },
    });
    expect(documents[42]).toMatchObject({ source: 'brown', domain: 'news', language: 'en', meta: { id: 'ca01' } });
    expect(documents[42]?.id).toBe(hash(documents[42]?.text ?? ''));
    expect((await load({ shares: { shakespeare: 0, brown: 1 } })).documents).toHaveLength(223);
  });

  it('reads data sets as their cards say', async () => {
    const { documents, ledger } = await load(['handbook_docs', 'code']);
    const languages = new Set(documents.slice(0, 244).map(({ language, domain }) => `${domain} ${language ?? ''}`));
    expect(languages).toEqual(new Set(['technical en', 'technical zh']));
    expect(documents[244]).toMatchObject({ source: 'code', domain: 'typescript' });
    expect(documents[244]?.language).toBeUndefined();
    expect(ledger.fates[1]?.place).toEqual({ file: 'sections.jsonl.gz', row: 2 });
  });

  it('reads JSON Lines, also gzipped, with the fields that a document has', async () => {
    const rows = [{ text: '学而时习之', language: 'zh', domain: 'classics', author: '孔子', page: 1 }, { text: 'b' }];
    const lines = rows.map((row) => JSON.stringify(row)).join('\n\n');
    const path = await write('经典.jsonl.gz', gzipSync(lines));
    const { documents } = await load(path);
    expect(documents).toEqual([
      {
        id: hash('学而时习之'),
        text: '学而时习之',
        source: path,
        domain: 'classics',
        language: 'zh',
        meta: { author: '孔子', page: 1 },
      },
      { id: hash('b'), text: 'b', source: path, domain: path },
    ]);
  });

  it('keeps what a row has beside its document, or the fields that are asked for', async () => {
    const path = await write('rest.jsonl', '{"text":"a","title":7,"language":null,"url":"u","n":{"m":[1]}}');
    expect((await load(path)).documents[0]).toMatchObject({ meta: { title: 7, url: 'u', n: { m: [1] } } });
    expect((await load(path, { meta: ['url', 'none'] })).documents[0]?.meta).toEqual({ url: 'u' });
    const nested = await load(path, { fields: { text: 'url', domain: 'n.m', title: 'text' } });
    expect(nested.documents[0]).toMatchObject({ text: 'u', title: 'a', domain: path });
  });

  it('reads plain text as passages that are the text when joined', async () => {
    const text = Array.from({ length: 200 }, (_, index) => `Paragraph ${index}. ${'It goes on. '.repeat(10)}\n\n`).join(
      '',
    );
    const { documents } = await load(await write('my.txt', text));
    expect(documents.map((document) => document.text).join('')).toBe(text);
    expect(documents.length).toBeGreaterThan(40);
    expect(documents.every((document) => document.text.startsWith('Paragraph'))).toBe(true);
    expect(documents[1]?.meta).toEqual({ part: 2 });
  });

  it('takes lines of <|endoftext|> as the ends of documents', async () => {
    const { documents } = await load(
      await write('stories.txt', 'One.\n\nMore.\n<|endoftext|>\nTwo.\r\n<|endoftext|>\n\n'),
    );
    expect(documents.map(({ text }) => text)).toEqual(['One.\n\nMore.\n', 'Two.\r\n']);
  });

  it('reads folders, globs and lists, each file once', async () => {
    await mkdir(join(folder, 'shards', 'deep'), { recursive: true });
    for (const name of ['b.txt', 'a.txt', 'deep/c.txt', '.hidden.txt', 'notes.jsonl']) {
      await write(join('shards', name), JSON.stringify({ text: name }));
    }
    const sources = async (source: string | readonly string[]): Promise<string[]> =>
      (await load(source)).documents.map((document) => document.source.slice(folder.length + 8));
    expect(await sources(join(folder, 'shards'))).toEqual(['a.txt', 'b.txt', 'deep/c.txt', 'notes.jsonl']);
    expect(await sources(join(folder, 'shards', '*.txt'))).toEqual(['a.txt', 'b.txt']);
    expect(await sources(join(folder, 'shards', '**', '*.{txt,md}'))).toEqual(['a.txt', 'b.txt', 'deep/c.txt']);
    const twice = join(folder, 'shards', 'a.txt');
    expect(await sources([twice, join(folder, 'shards', '?.txt'), twice])).toEqual(['a.txt', 'b.txt']);
  });

  it('counts bytes that are not UTF-8, and lone surrogates, and drops documents without text', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"text":"caf'),
      Buffer.from([0xe9]),
      Buffer.from(' \uFFFD"}\n{"text":" \\n"}\n{"text":"a\\ud800b"}'),
    ]);
    const { documents, ledger } = await load(await write('broken.jsonl', bytes));
    expect(documents.map(({ text }) => text)).toEqual(['caf\uFFFD \uFFFD', 'a\uFFFDb']);
    expect(ledger.counts()).toEqual([
      {
        step: 'read',
        documentsIn: 3,
        documentsOut: 2,
        changed: 2,
        changes: { 'invalid UTF-8 sequences replaced': 2 },
        dropped: { 'no text': 1 },
      },
    ]);
    const text = await load(await write('broken.txt', Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xfe, 0x62])));
    expect(text.documents[0]?.text).toBe('a\uFFFD\uFFFDb');
    expect(text.ledger.counts()[0]?.changes).toEqual({ 'invalid UTF-8 sequences replaced': 2 });
  });

  it('is lazy, and reads once', async () => {
    const path = await write('once.txt', 'first');
    const corpus = load(path);
    await write('once.txt', 'second');
    expect((await corpus).documents[0]?.text).toBe('second');
    await write('once.txt', 'third');
    expect((await corpus.through()).documents[0]?.text).toBe('second');
  });

  it.each([
    [
      'nothing of this name',
      () => Promise.resolve('shakespear'),
      /received: shakespear\n[\s\S]*brown, [\s\S]*shakespeare/u,
    ],
    [
      'a folder without files',
      async () => join(folder, await mkdir(join(folder, 'empty')).then(() => 'empty')),
      /no files/u,
    ],
    ['an empty file', () => write('empty.txt', ''), /the file is empty[\s\S]*empty\.txt/u],
    ['a file of spaces', () => write('spaces.txt', ' \n\n '), /no documents with text/u],
    ['another kind of file', () => write('table.xlsx', 'PK'), /\.csv, \.tsv, \.jsonl/u],
    ['a row that is not JSON', () => write('bad.jsonl', '{"text":"a"}\n\n{"text":"b"'), /bad\.jsonl:3 is not JSON/u],
    ['a row without text', () => write('fields.jsonl', '{"text":"a"}\n{"body":"b"}'), /fields\.jsonl:2 has no text/u],
    ['a row that is no object', () => write('array.jsonl', '[1]'), /array\.jsonl:1 has no text/u],
    [
      'gzip cut off',
      () => write('cut.jsonl.gz', gzipSync('{"text":"a"}\n'.repeat(1000)).subarray(0, 30)),
      /damaged or cut off/u,
    ],
  ])('refuses %s', async (_, path, message) => {
    await expect(load(await path())).rejects.toThrow(message);
  });
});
