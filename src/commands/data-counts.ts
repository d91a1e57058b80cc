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

/** A table of what each step did. */
export function countsText(ledger: { counts(): readonly StepCount[] }): string {
  const rows = ledger.counts().map(({ step, documentsIn, documentsOut, changed, changes, dropped }) => {
    const why = Object.entries(dropped).map(([rule, count]) => `${count.toLocaleString('en-US')} ✕ ${rule}`);
    const details = [formatChanges(changes), ...why].filter((text) => text !== '').join('; ');
    const numbers = [documentsIn, changed, documentsIn - documentsOut, documentsOut];
    return [step, ...numbers.map((number) => number.toLocaleString('en-US')), details];
  });
  const columns = ['step', 'in', 'changed', 'dropped', 'out', 'what'];
  return textTable({ columns, rows }, terminalWidth()).join('\n');
}
