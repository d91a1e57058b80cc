import { defineCommand } from 'citty';
import { runsFolder, runsOption } from './runs-folder.js';
import { checkOutput, sqlOutput, writeSelected } from './sql-result.js';

export const sql = defineCommand({
  meta: {
    name: 'sql',
    description: 'Ask all runs in SQL: views runs, metrics, stages, facts, config, ablation_cells (DESCRIBE metrics)',
  },
  args: {
    query: {
      type: 'positional',
      required: true,
      description: `Such as "select run, min(value) from metrics where name = 'loss' group by run"`,
    },
    ...sqlOutput,
    ...runsOption,
  },
  async run({ args }) {
    checkOutput(args);
    const { openRunDatabase } = await import('../experiment/sql/query.js');
    return writeSelected(() => openRunDatabase(runsFolder(args)), args.query, args);
  },
});
