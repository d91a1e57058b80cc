import { defineCommand } from 'citty';
import { findLedger, placeArgs } from './ledger-place.js';

export const why = defineCommand({
  meta: { name: 'why', description: 'What became of a document, step by step, and why' },
  args: {
    id: { type: 'positional', required: true, description: 'The beginning of its id' },
    ...placeArgs,
    json: { type: 'boolean', description: 'Print it as one JSON value' },
  },
  async run({ args: { id, place, runs, json } }) {
    const ledger = await findLedger(place, runs);
    const story = await ledger.why(id);
    process.stdout.write(json === true ? `${JSON.stringify({ where: ledger.where, story })}\n` : `${story}\n`);
    return 0;
  },
});
