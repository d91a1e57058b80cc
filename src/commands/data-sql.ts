import { defineCommand } from 'citty';
import { findLedger, placeArgs } from './ledger-place.js';
import { checkOutput, sqlOutput, writeSelected } from './sql-result.js';

export const sql = defineCommand({
  meta: {
    name: 'sql',
    description: 'Ask a ledger in SQL: tables documents, events (DESCRIBE documents)',
  },
  args: {
    query: {
      type: 'positional',
      required: true,
      description: 'Such as "select source, dropped_by, rule, count(*) from documents group by all"',
    },
    ...placeArgs,
    ...sqlOutput,
  },
  async run({ args }) {
    checkOutput(args);
    const ledger = await findLedger(args.place, args.runs);
    return writeSelected(() => ledger.database(), args.query, args);
  },
});
