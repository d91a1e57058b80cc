import { defineCommand } from 'citty';
import { formatChanges } from '../data/ledger/ledger.js';
import type { StepCount } from '../data/ledger/ledger.js';
import { findLedger, placeArgs } from './ledger-place.js';
import { terminalWidth, textTable } from './text-table.js';

export const counts = defineCommand({
  meta: { name: 'counts', description: 'What each step of a pipeline changed and dropped' },
  args: { ...placeArgs, json: { type: 'boolean', description: 'Print them as one JSON value' } },
  async run({ args: { place, runs, json } }) {
    const ledger = await findLedger(place, runs);
    const value = { where: ledger.where, sources: ledger.sources, steps: ledger.counts() };
    process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : `${ledger.where}\n${countsText(ledger)}\n`);
    return 0;
  },
});

/** A table of what each step did; below each step its rules, the most frequent first. */
export function countsText(ledger: { counts(): readonly StepCount[] }): string {
  const counts = ledger.counts();
  const rows = counts.map(({ step, documentsIn, documentsOut, changed }) => {
    const numbers = [documentsIn, changed, documentsIn - documentsOut, documentsOut];
    return [step, ...numbers.map((number) => number.toLocaleString('en-US'))];
  });
  const [head = '', ...lines] = textTable(
    { columns: ['step', 'in', 'changed', 'dropped', 'out'], rows },
    terminalWidth(),
  );
  const told = lines.flatMap((line, index) => {
    const { changes = {}, dropped = {} } = counts[index] ?? {};
    const drops = Object.entries(dropped).sort(([, a], [, b]) => b - a);
    return [
      line,
      ...(Object.keys(changes).length === 0 ? [] : [`    changed: ${formatChanges(changes)}`]),
      ...drops.map(([rule, count]) => `    dropped: ${count.toLocaleString('en-US')} ${rule}`),
    ];
  });
  return [head, ...told].join('\n');
}
