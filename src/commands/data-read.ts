import { defineCommand } from 'citty';
import { judgedDocuments, judgedOptions } from './data-judged.js';
import { integerOption, UsageError } from './usage.js';

/** Characters of a text that a terminal shows. */
const EXCERPT = 600;

export const read = defineCommand({
  meta: { name: 'read', description: 'Read dropped documents beside kept ones, on a page or in the terminal' },
  args: {
    ...judgedOptions,
    dropped: { type: 'boolean', description: 'Dropped documents (there are no others to read so far)', default: true },
    rule: { type: 'string', valueHint: 'name', description: 'Dropped by this rule only: its name, or a part of it' },
    beside: {
      type: 'enum',
      options: ['like', 'kept'],
      description: 'The document that each is like, with the differences (default), or a kept one of its source',
    },
    count: { type: 'string', valueHint: 'number', description: 'How many (10)' },
    seed: { type: 'string', valueHint: 'number', description: 'Which ones are drawn (1)' },
    out: {
      type: 'string',
      valueHint: 'file',
      description: 'Write a page, such as dropped.html; without it they are printed',
    },
    json: { type: 'boolean', description: 'Print the pairs as one JSON value' },
  },
  async run({ args }) {
    const { rule, from, step, options, out } = args;
    if (!args.dropped) throw new UsageError('--no-dropped: only dropped documents can be read so far');
    const count = integerOption('count', args.count) ?? 10;
    const seed = integerOption('seed', args.seed) ?? 1;
    const beside = args.beside === 'kept' ? 'kept' : 'like';
    const [{ pairDropped }, documents] = await Promise.all([
      import('../data/audit/dropped-beside.js'),
      judgedDocuments(from, step, options),
    ]);
    const pairs = await pairDropped(() => documents.judged(), {
      ...(rule === undefined ? {} : { rule }),
      count,
      seed,
      beside,
    });
    if (out !== undefined) {
      const [{ besidePage }, { writeAtomic }] = await Promise.all([
        import('../report/review/beside-page.js'),
        import('../files.js'),
      ]);
      await writeAtomic(out, besidePage(`Dropped by ${rule ?? 'any rule'}: ${documents.from}`, pairs));
    }
    if (args.json === true) process.stdout.write(`${JSON.stringify({ from: documents.from, pairs })}\n`);
    else if (out !== undefined) process.stdout.write(`${pairs.length} documents in ${out}\n`);
    else {
      const [{ comparisonText }, { printable }] = await Promise.all([
        import('../report/comparison-html.js'),
        import('./text-width.js'),
      ]);
      const shown = pairs.map(({ dropped, why, step: by, kept, comparison }) => {
        const score = why.score === undefined ? '' : ` ${Number(why.score.toPrecision(4))}`;
        const head = `${dropped.id} from ${dropped.source}: ${by === undefined ? '' : `${by}, `}${why.drop}${score}`;
        const text = comparison === undefined ? dropped.text.slice(0, EXCERPT) : comparisonText(comparison);
        const other = kept === undefined || comparison !== undefined ? [] : ['kept:', kept.text.slice(0, EXCERPT)];
        return [head, text, ...other].map((each) => each.split('\n').map(printable).join('\n')).join('\n');
      });
      process.stdout.write(`${shown.join('\n\n――――\n\n')}\n`);
    }
    return 0;
  },
});
