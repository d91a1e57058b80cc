import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { load } from '../../../src/data/read/load.js';
import { writeDocuments } from '../../../src/data/write/write-documents.js';
import type { WriteDocumentsOptions } from '../../../src/data/write/write-documents.js';
import type { Json } from '../../../src/files.js';
import { readAll, testFolder } from '../read/reading.js';

const folder = testFolder();

/** Text as a document may have it: any characters, no halves of pairs. */
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter((one) => one.trim() !== '');
const word = fc.string({ unit: 'grapheme', maxLength: 12 });
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const anyDocument: fc.Arbitrary<Document> = fc
  .record(
    {
      text,
      source: word,
      domain: word,
      language: fc.constantFrom('en', 'zh'),
      title: word,
      meta: fc.dictionary(
        word.filter((key) => key !== '__proto__'),
        json,
        { maxKeys: 3 },
      ),
    },
    { requiredKeys: ['text', 'source', 'domain'] },
  )
  .map(({ language, title, meta, ...fields }) =>
    document({
      ...fields,
      ...(language === undefined ? {} : { language }),
      ...(title === undefined ? {} : { title }),
      ...(meta === undefined ? {} : { meta }),
    }),
  );

describe('writeDocuments', () => {
  it.each([['jsonl'], ['jsonl.gz'], ['parquet'], ['arrow'], ['arrow.gz']])(
    '.%s: whatever goes out comes back',
    async (ending) => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(anyDocument, { maxLength: 12 }), async (documents) => {
          const path = join(folder.path(), `round-${run++}.${ending}`);
          const [file] = await writeDocuments(documents, path);
          if (documents.length === 0 && /jsonl/u.test(ending)) return; // an empty file is one that is refused
          expect(file?.rows).toBe(documents.length);
          expect((await readAll(path)).map((read) => read.document)).toEqual(documents);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('.txt: texts come back, with a line feed at their ends', async () => {
    const plain = text.filter((one) => !/\0|^\uFEFF|^<\|endoftext\|>/mu.test(one));
    await fc.assert(
      fc.asyncProperty(fc.array(plain, { minLength: 1, maxLength: 8 }), async (texts) => {
        const path = join(folder.path(), 'round.txt');
        await writeDocuments(
          texts.map((one) => document({ text: one, source: 's', domain: 'd' })),
          path,
        );
        const expected = texts.map((one) => (one.endsWith('\n') ? one : `${one}\n`));
        expect((await readAll(path)).map((read) => read.document.text)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
    const bad = document({ text: 'a\n<|endoftext|>\nb', source: 's', domain: 'd' });
    await expect(writeDocuments([bad], join(folder.path(), 'bad.txt'))).rejects.toThrow(
      /cannot hold this document[\s\S]*jsonl/u,
    );
  });

  it('keeps the id of a document whose text a step has changed', async () => {
    const changed = { ...document({ text: 'before', source: 's', domain: 'd' }), text: 'after' };
    const path = join(folder.path(), 'changed.parquet');
    await writeDocuments([changed], path);
    expect((await load(path)).documents).toEqual([changed]);
  });

  const many = Array.from({ length: 2000 }, (_, index) =>
    document({ text: `Document ${index}. ${'word '.repeat(index % 97)}`, source: 's', domain: 'd' }),
  );
  const shards: readonly WriteDocumentsOptions[] = [
    { shardBytes: 50_000 },
    { shardBytes: 50_000, format: 'parquet', name: 'clean' },
    { shardBytes: 50_000, format: 'arrow', compression: 'gzip', name: 'packed' },
  ];

  it.each(shards)('makes numbered shards that are read in order: %o', async (options) => {
    const target = join(folder.path(), `shards-${options.name ?? 'part'}`);
    const source = async function* (): AsyncGenerator<Document> {
      yield* many;
    };
    const files = await writeDocuments(source(), target, options);
    expect(files.length).toBeGreaterThan(8);
    const ending = options.format === 'parquet' ? '.parquet' : options.format === 'arrow' ? '.arrow.gz' : '.jsonl.gz';
    const count = String(files.length).padStart(5, '0');
    expect((await readdir(target)).sort()).toEqual(
      files.map((_, index) => `${options.name ?? 'part'}-${String(index).padStart(5, '0')}-of-${count}${ending}`),
    );
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(2000);
    for (const { path, sha256, bytes } of files) {
      const content = await readFile(path);
      expect([content.length, createHash('sha256').update(content).digest('hex')]).toEqual([bytes, sha256]);
    }
    expect((await load(target)).documents).toEqual(many);
    // Written again into other shards, the former are gone; the same documents give the same bytes.
    const fewer = await writeDocuments(many, target, { ...options, shardBytes: 500_000 });
    expect((await readdir(target)).length).toBe(fewer.length);
    const again = await writeDocuments(many, target, { ...options, shardBytes: 500_000 });
    expect(again).toEqual(fewer);
  });

  it('leaves what was there, and nothing else, when it fails', async () => {
    const path = await folder.write('kept.jsonl', 'before');
    const failing = function* (): Generator<Document> {
      yield* many.slice(0, 10);
      throw new Error('source failed');
    };
    await expect(writeDocuments(failing(), path)).rejects.toThrow('source failed');
    expect(await readFile(path, 'utf8')).toBe('before');
    expect((await readdir(folder.path())).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('refuses what it does not write', async () => {
    await expect(writeDocuments(many, join(folder.path(), 'a.csv'))).rejects.toThrow(/no such format is written/u);
    await expect(writeDocuments(many, join(folder.path(), 'a.parquet.gz'))).rejects.toThrow(/compressed inside/u);
    await expect(writeDocuments(many, folder.path(), { shardBytes: 0 })).rejects.toThrow(
      /shardBytes must be positive/u,
    );
  });

  // Node ignores SIGXFSZ: a limit of the size of files is a full disk that any user can have.
  it.skipIf(process.platform === 'win32')('says so when the disk is full, and leaves no file', async () => {
    const target = join(folder.path(), 'full');
    const program = join(folder.path(), 'full.mts');
    const module = new URL('../../../src/data/write/write-documents.ts', import.meta.url).href;
    await writeFile(
      program,
      `import { writeDocuments } from ${JSON.stringify(module)};
       const documents = Array.from({ length: 4000 }, (_, index) => ({ id: String(index), text: 'x'.repeat(1000), source: 's', domain: 'd' }));
       await writeDocuments(documents, ${JSON.stringify(target)}, { shardBytes: 1e9, compression: 'none' }).catch((error) => console.log(String(error)));`,
    );
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-c', `ulimit -f 1000; node --import tsx ${JSON.stringify(program)}`],
      {
        cwd: new URL('../../..', import.meta.url),
      },
    );
    expect(stdout).toMatch(/no space left on the disk, nothing was written/u);
    expect(await readdir(target)).toEqual([]);
  });
});
