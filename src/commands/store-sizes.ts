import { defineCommand } from 'citty';
import { storeSizes } from '../experiment/garbage/store-sizes.js';
import { formatBytes } from '../report/format.js';
import { runsFolder, runsOption } from './runs-folder.js';
import { terminalWidth, textTable } from './text-table.js';

export const sizes = defineCommand({
  meta: { name: 'sizes', description: 'Bytes by stage and by experiment' },
  args: { ...runsOption, json: { type: 'boolean', description: 'Print the sizes as one JSON value' } },
  async run({ args }) {
    const found = await storeSizes(runsFolder(args));
    if (args.json === true) {
      process.stdout.write(`${JSON.stringify(found)}\n`);
      return 0;
    }
    if (found.bytes === 0) {
      process.stdout.write('the store is empty\n');
      return 0;
    }
    const width = terminalWidth();
    const table = (columns: readonly string[], rows: readonly string[][]): string[] =>
      rows.length === 0 ? [] : [...textTable({ columns, rows }, width), ''];
    const lines = [
      ...table(
        ['stage', 'artifacts', 'size'],
        found.stages.map(({ name, count, bytes }) => [name, String(count), formatBytes(bytes)]),
      ),
      ...table(
        ['experiment', 'artifacts', 'size', 'its own alone'],
        found.experiments.map(({ name, count, bytes, ownBytes }) => [
          name,
          String(count),
          formatBytes(bytes),
          formatBytes(ownBytes),
        ]),
      ),
      ...table(
        ['beside them', 'entries', 'size'],
        found.others.map(({ name, count, bytes }) => [name, String(count), formatBytes(bytes)]),
      ),
      `${formatBytes(found.bytes)} in all; npx trainbook store gc --dry-run says what nobody needs`,
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  },
});
