import { formatNumber } from '../format.js';
import type { RunRecords } from '../records.js';
import { configDiff } from './config.js';
import { section, text, warning } from './document.js';
import type { Block, Headline, Section } from './document.js';

const listed = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;

/** Changes that are told one by one. */
const MOST_CHANGES = 6;

/** What the run was to do, from its spec. */
function asked({ spec }: RunRecords): string {
  const diff = spec.defaults === undefined ? undefined : configDiff(spec.defaults, spec.config);
  const told = (diff ?? [])
    .slice(0, MOST_CHANGES)
    .map(([path, before, after]) => `${path} = ${after} (default ${before})`);
  const more = (diff?.length ?? 0) - told.length;
  const changes =
    diff === undefined
      ? ''
      : diff.length === 0
        ? ', with its default config'
        : `, with ${listed(more > 0 ? [...told, `${formatNumber(more)} more changes`] : told)}`;
  return `Asked: the experiment ${spec.experiment}${changes}, seed ${spec.seed}, through the stages ${listed(spec.stages)}.`;
}

/** What came out, from its records. */
function found(run: RunRecords, headlines: readonly Headline[]): string {
  const { spec, status, stages } = run;
  const ended = {
    done: `All ${stages.length} stages are done.`,
    running: `It is running; ${stages.length} of ${spec.stages.length} stages are done.`,
    failed: `It failed after ${stages.length} of ${spec.stages.length} stages.`,
    interrupted: `It was interrupted after ${stages.length} of ${spec.stages.length} stages; the same command goes on from there.`,
  }[status.state];
  const [first] = headlines.filter(({ label }) => label !== 'Time' && label !== 'Peak memory');
  if (first === undefined) return ended;
  const number = [first.value, first.unit].filter((part) => part !== undefined).join(' ');
  const note = first.note === undefined ? '' : ` (${first.note})`;
  return `Found: ${first.label.charAt(0).toLowerCase()}${first.label.slice(1)} ${number}${note}. ${ended}`;
}

/** What makes the numbers doubtful. */
function doubts(run: RunRecords): Block[] {
  const broken = run.metrics.find(({ values }) =>
    Object.entries(values).some(([name, value]) => /loss$/i.test(name) && !Number.isFinite(value)),
  );
  const losses = run.metrics.filter(({ values }) => values['loss'] !== undefined);
  const [first, last] = [losses[0]?.values['loss'], losses.at(-1)?.values['loss']];
  const rose = first !== undefined && last !== undefined && losses.length > 1 && last > first;
  return [
    ...(broken === undefined
      ? []
      : [warning(`The loss was no finite number at step ${formatNumber(broken.step)} of ${broken.stage}.`)]),
    ...(rose
      ? [warning(`The training loss ended higher (${formatNumber(last)}) than it began (${formatNumber(first)}).`)]
      : []),
  ];
}

/** What was asked and what was found, before all else. */
export function runSummary(run: RunRecords, headlines: readonly Headline[]): Section[] {
  const { seed } = run.spec;
  const oneSeed = headlines.some(({ note }) => note?.includes('interval') === true)
    ? []
    : [
        text(
          `The numbers are of one run with seed ${seed}: how far another seed would move them is not known from it. ` +
            'An ablation of several seeds tells the interval.',
        ),
      ];
  return section('summary', 'Summary', [text(asked(run)), text(found(run, headlines)), ...doubts(run), ...oneSeed]);
}
