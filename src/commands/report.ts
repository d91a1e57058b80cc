import { defineCommand } from 'citty';
import { numberOption, UsageError } from './usage.js';

export const report = defineCommand({
  meta: {
    name: 'report',
    description: 'Write the report of a run or an ablation from its records, and print its path',
  },
  args: {
    run: {
      type: 'positional',
      required: true,
      description:
        'The folder, such as runs/quickstart/2026-11-21-143502-3f9c or runs/ablations/norms/2026-11-29-153002-a41c',
    },
    format: {
      type: 'enum',
      options: ['html', 'markdown', 'notebook'],
      default: 'html',
      description: 'One HTML page, or Markdown with its pictures beside it, or a notebook',
    },
    excerpt: {
      type: 'boolean',
      description: 'Only the result, for a README: the summary and the figures that carry it',
    },
    price: { type: 'string', valueHint: 'number', description: 'What an hour of the machine costs' },
    currency: { type: 'string', valueHint: 'name', description: 'The currency of the price (EUR if not given)' },
    json: { type: 'boolean', description: 'Print the result as one JSON value' },
  },
  async run({ args }) {
    const { format, excerpt = false, currency } = args;
    const perHour = numberOption('price', args.price);
    if (perHour !== undefined && perHour < 0) throw new UsageError(`--price cannot be negative, not '${perHour}'`);
    if (perHour === undefined && currency !== undefined) throw new UsageError('--currency needs --price');
    const { writeReport } = await import('../report/write-report.js');
    const path = await writeReport(args.run, {
      format,
      excerpt,
      ...(perHour === undefined ? {} : { price: { perHour, currency: currency ?? 'EUR' } }),
    });
    process.stdout.write(`${args.json === true ? JSON.stringify({ report: path }) : path}\n`);
    return 0;
  },
});
