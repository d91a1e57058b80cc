import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { findLedger, placeArgs } from './ledger-place.js';

export const ledger = defineCommand({
  meta: {
    name: 'ledger',
    description: 'Write the ledger of a corpus as two files: its documents, and what was done to them',
  },
  args: {
    ...placeArgs,
    out: { type: 'string', required: true, valueHint: 'folder', description: 'Where documents and events go' },
    format: { type: 'enum', options: ['parquet', 'csv'], default: 'parquet', description: 'The form of the files' },
    json: { type: 'boolean', description: 'Print the files as one JSON value' },
  },
  async run({ args: { place, runs, out, format, json } }) {
    const found = await findLedger(place, runs);
    const database = await found.database();
    await mkdir(out, { recursive: true });
    const files: { readonly file: string; readonly rows: number }[] = [];
    try {
      for (const table of ['documents', 'events']) {
        const file = join(out, `${table}.${format}`);
        const order = `SELECT * FROM ${table} ORDER BY shard, number`;
        const rows = await (format === 'csv' ? database.writeCsv(order, file) : database.writeParquet(order, file));
        files.push({ file, rows });
      }
    } finally {
      database.close();
    }
    const lines = files.map(({ file, rows }) => `${rows.toLocaleString('en-US')} rows in ${file}`);
    process.stdout.write(
      json === true ? `${JSON.stringify({ where: found.where, files })}\n` : `${lines.join('\n')}\n`,
    );
    return 0;
  },
});
