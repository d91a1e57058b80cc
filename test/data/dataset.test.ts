import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { datasetNames, datasetsFolder, findDataset, parseCard, readDatasetFile } from '../../src/data/dataset.js';

const names = await datasetNames();

describe('datasets', () => {
  it('are there', () => {
    expect(names).toEqual(expect.arrayContaining(['brown', 'shakespeare']));
  });

  it.each(names)('%s is what its card says', async (name) => {
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
    expect(rows.reduce((sum, { text }) => sum + Buffer.byteLength(String(text)), 0)).toBe(card.bytes);
    for (const row of rows) expect(Object.keys(row).sort()).toEqual(Object.keys(card.fields).sort());
    // The example is a row of the data, its text cut at the ellipsis.
    const example = rows.find(({ id }) => id === card.example['id']);
    expect(String(example?.['text'])).toContain(z.string().parse(card.example['text']).replace(/\s?…$/u, ''));
    for (const file of ['README.md', 'LICENSE'])
      expect((await readFile(join(folder, file), 'utf8')).length).toBeGreaterThan(100);
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
      await expect(readDatasetFile({ ...dataset, folder }, file)).rejects.toThrow('install trainbook again');
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
