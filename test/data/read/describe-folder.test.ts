import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { describeFolder, writeCard } from '../../../src/data/read/describe-folder.js';
import { load } from '../../../src/data/read/load.js';
import { testFolder } from './reading.js';

const folder = testFolder();
const rows = (count: number): string =>
  Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      body: `Row ${index} of ${count}: 学 ${Math.imul(index, 2654435761)}.`,
      language: index % 3 === 0 ? 'zh' : 'en',
      stars: index,
    }),
  ).join('\n');
const known = {
  source: 'made by a test',
  licence: 'none',
  domain: 'reviews',
  reading: { fields: { text: 'body' } },
} as const;

async function reviews(name: string): Promise<string> {
  const path = join(folder.path(), name);
  await mkdir(path);
  await writeFile(join(path, 'a.jsonl.gz'), gzipSync(rows(200)));
  await writeFile(join(path, 'b.jsonl'), rows(3));
  await writeFile(join(path, 'notes.bin'), 'not read');
  await writeCard(path, await describeFolder(path, known));
  return path;
}

describe('a card', () => {
  it('is made of a folder, which is then loaded by it', async () => {
    const path = await reviews('My Reviews');
    const card = await describeFolder(path, known);
    expect(card).toMatchObject({
      name: 'my_reviews',
      title: 'My Reviews',
      licence: 'none',
      language: ['en', 'zh'],
      domain: 'reviews',
      rows: 203,
    });
    expect(card.files.map(({ file, rows: count }) => [file, count])).toEqual([
      ['a.jsonl.gz', 200],
      ['b.jsonl', 3],
    ]);
    expect(card.fields).toEqual({ text: 'the text', stars: 'as in the files' });
    expect(JSON.parse(await readFile(join(path, 'card.json'), 'utf8'))).toEqual(card);
    const { documents, ledger } = await load(path);
    expect(documents).toHaveLength(203);
    expect(documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)).toBe(card.bytes);
    expect(documents[202]).toMatchObject({
      source: 'my_reviews',
      domain: 'reviews',
      language: 'en',
      meta: { stars: 2 },
    });
    expect(ledger.fates[202]?.place).toEqual({ file: 'b.jsonl', row: 3 });
    expect(ledger.why(documents[202]?.id ?? '')).toContain('found at b.jsonl:3');
  });

  it('notices a file that was changed', async () => {
    const path = await reviews('changed');
    const text = await readFile(join(path, 'b.jsonl'), 'utf8');
    await writeFile(join(path, 'b.jsonl'), text.replace('Row 1', 'Row 9'));
    await expect(load(path)).rejects.toThrow(
      /b\.jsonl is not the file that the card of changed describes[\s\S]*SHA-256[\s\S]*describeFolder/u,
    );
  });

  it('notices a file that was cut off, and where', async () => {
    const path = await reviews('cut');
    const text = await readFile(join(path, 'b.jsonl'));
    await writeFile(join(path, 'b.jsonl'), text.subarray(0, text.length - 10));
    await expect(load(path)).rejects.toThrow(
      /b\.jsonl:3 is not JSON[\s\S]*the card of cut describes \(\d+ bytes, the card states \d+\)/u,
    );
    await writeFile(join(path, 'b.jsonl'), text.subarray(0, text.lastIndexOf('\n')));
    await expect(load(path)).rejects.toThrow(/b\.jsonl is not the file that the card/u); // cut between two rows: only the hash tells
    await writeFile(join(path, 'b.jsonl'), text);
    const zipped = await readFile(join(path, 'a.jsonl.gz'));
    await writeFile(join(path, 'a.jsonl.gz'), zipped.subarray(0, zipped.length / 2));
    await expect(load(path)).rejects.toThrow(/a\.jsonl\.gz: unexpected end of file[\s\S]*the card states/u);
    expect(gunzipSync(zipped).length).toBeGreaterThan(zipped.length);
  });

  it('needs documents', async () => {
    const path = join(folder.path(), 'none');
    await mkdir(path);
    await expect(describeFolder(path, known)).rejects.toThrow(/nothing to describe/u);
  });
});
