import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadImages } from '../../src/data/image/load-images.js';
import { matchesGlob } from '../../src/data/read/glob.js';
import { parseTable } from '../../src/data/table/parse-table.js';
import {
  datasetNames,
  datasetNamesOf,
  datasetsFolder,
  findDataset,
  parseCard,
  readDatasetFile,
} from '../../src/data/dataset.js';

const [corpora, tables] = [await datasetNamesOf('documents'), await datasetNamesOf('table')];
const pictures = await datasetNamesOf('images');

describe('datasets', () => {
  it('are there', async () => {
    expect([...corpora, ...tables, ...pictures].sort()).toEqual(await datasetNames());
    expect(corpora).toEqual(expect.arrayContaining(['brown', 'shakespeare']));
    expect(tables).toEqual(expect.arrayContaining(['credit_data', 'digits', 'german_credit']));
  });

  it.each(corpora)('%s is what its card says', async (name) => {
    const dataset = await findDataset(name);
    if (dataset === undefined) throw new Error(`no ${name}`);
    const { card, folder } = dataset;
    expect(card.name).toBe(name);
    const rows: Record<string, unknown>[] = [];
    for (const file of card.files) {
      const bytes = await readDatasetFile(dataset, file);
      expect(bytes.length).toBe(file.bytes);
      for (const line of gunzipSync(bytes).toString('utf8').trim().split('\n'))
        rows.push(JSON.parse(line) as Record<string, unknown>);
    }
    expect(rows).toHaveLength(card.rows);
    // Rows of post-training have their text under another name.
    const field = card.reading?.fields?.text ?? 'text';
    expect(rows.reduce((sum, row) => sum + Buffer.byteLength(z.string().parse(row[field])), 0)).toBe(card.bytes);
    for (const row of rows) expect(Object.keys(row).sort()).toEqual(Object.keys(card.fields).sort());
    // The example is a row of the data, its text cut at the ellipsis.
    const example = rows.find(({ id }) => id === card.example['id']);
    expect(String(example?.[field])).toContain(z.string().parse(card.example[field]).replace(/\s?…$/u, ''));
    for (const file of ['README.md', 'LICENSE'])
      expect((await readFile(join(folder, file), 'utf8')).length).toBeGreaterThan(100);
  });

  it.each(tables)('%s is what its card says', async (name) => {
    const dataset = await findDataset(name);
    const [file, ...further] = dataset?.card.files ?? [];
    if (dataset === undefined || file === undefined) throw new Error(`no ${name}`);
    const { card, folder } = dataset;
    expect([card.name, further]).toEqual([name, []]);
    const bytes = await readDatasetFile(dataset, file);
    expect(bytes.length).toBe(file.bytes);
    const content = gunzipSync(bytes);
    expect(content.length).toBe(card.bytes);
    const columns = parseTable(content, file.file);
    const columnNames = [...columns.keys()];
    for (const own of columns.values()) expect(own).toHaveLength(card.rows);
    // A field of the card may stand for several columns, such as pixel_*; each column has one.
    const fieldsOf = (column: string): string[] =>
      Object.keys(card.fields).filter((field) => matchesGlob(column, field));
    for (const column of columnNames) expect([column, fieldsOf(column).length]).toEqual([column, 1]);
    expect(
      Object.keys(card.fields).filter((field) => !columnNames.some((column) => fieldsOf(column)[0] === field)),
    ).toEqual([]);
    // The example is the first row, or a part of it.
    const first = Object.fromEntries([...columns].map(([column, own]) => [column, own[0]]));
    expect(first).toMatchObject(card.example);
    for (const other of ['README.md', 'LICENSE'])
      expect((await readFile(join(folder, other), 'utf8')).length).toBeGreaterThan(100);
  });

  it.each(pictures)('%s is what its card says', async (name) => {
    const dataset = await findDataset(name);
    if (dataset === undefined) throw new Error(`no ${name}`);
    const { card, folder } = dataset;
    const sizes = await Promise.all(
      card.files.map(async (file) => {
        const bytes = await readDatasetFile(dataset, file);
        expect(bytes.length).toBe(file.bytes);
        return gunzipSync(bytes).length;
      }),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(card.bytes);
    const { train, test } = await loadImages(name);
    expect(train.count + test.count).toBe(card.rows);
    // As many of each class.
    for (const part of [train, test]) {
      expect(part.classes).toEqual(card.classes);
      const counts = part.classes.map((_, label) => part.labels.filter((own) => own === label).length);
      expect(new Set(counts).size).toBe(1);
    }
    expect(train.labels[0]).toBe(card.example['label']);
    expect([...train.pixels.subarray(14 * 28, 15 * 28)]).toEqual(card.example['image']);
    for (const other of ['README.md', 'LICENSE'])
      expect((await readFile(join(folder, other), 'utf8')).length).toBeGreaterThan(100);
  });

  it('are refused when a file was changed or is missing', async () => {
    const dataset = await findDataset('brown');
    const [file] = dataset?.card.files ?? [];
    if (dataset === undefined || file === undefined) throw new Error('no brown');
    const folder = await mkdtemp(join(tmpdir(), 'trainbook-'));
    try {
      await cp(dataset.folder, folder, { recursive: true });
      await writeFile(join(folder, file.file), 'changed');
      await expect(readDatasetFile({ ...dataset, folder }, file)).rejects.toThrow(
        /7 bytes with SHA-256 \w{64}[\s\S]*1009420 bytes/u,
      );
      await rm(join(folder, file.file));
      await expect(readDatasetFile({ ...dataset, folder }, file)).rejects.toThrow('copy the file again');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('are looked for by names only', async () => {
    expect(await findDataset('no_such')).toBeUndefined();
    expect(await findDataset('../datasets/brown')).toBeUndefined();
    expect(datasetsFolder()).toMatch(/datasets$/u);
  });

  it('need a whole card', async () => {
    const card = (await findDataset('brown'))?.card;
    expect(() => parseCard({ ...card, licence: '' }, 'a/card.json')).toThrow(/a\/card\.json[\s\S]*licence/u);
    expect(() => parseCard({ ...card, license: 'MIT' }, 'a/card.json')).toThrow('license');
  });
});
