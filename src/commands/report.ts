import { defineCommand } from 'citty';
import { writeReport } from '../report/write-report.js';

export const report = defineCommand({
  meta: { name: 'report', description: "Write the report of a run from its records, and print the page's path" },
  args: {
    run: {
      type: 'positional',
      required: true,
      description: "The run's folder, such as runs/quickstart/2026-11-21-143502-3f9c",
    },
    json: { type: 'boolean', description: 'Print the result as one JSON value' },
  },
  async run({ args }) {
    const path = await writeReport(args.run);
    process.stdout.write(`${args.json === true ? JSON.stringify({ report: path }) : path}\n`);
    return 0;
  },
});
