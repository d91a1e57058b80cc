import type { ArmResult } from '../../experiment/ablations/comparison.js';
import type { AblationRecord, Cell } from '../../experiment/ablations/record.js';
import { valueAt } from '../../experiment/reads.js';
import { canonicalJson, hash } from '../../files.js';
import type { Json } from '../../files.js';
import { configBlocks } from '../document/config.js';
import { cost } from '../document/cost.js';
import { heading, section, slug, text, warning } from '../document/document.js';
import type { Block, Document, Origin, Section } from '../document/document.js';
import { environment } from '../document/environment.js';
import { codeBlocks, quoted } from '../document/reproduce.js';
import type { DocumentOptions } from '../document/run-document.js';
import { sideBySide } from '../document/samples.js';
import { formatNumber, formatSeconds } from '../format.js';
import { firstSmoothing } from '../smoothing.js';
import type { AblationRuns } from './ablation-records.js';
import { ablationHeadlines, ablationSummary } from './ablation-summary.js';
import { armCurves } from './arm-curves.js';
import { sortedArms } from './arm-order.js';
import { armsTable } from './arms-table.js';
import { forestDrawing } from './forest-drawing.js';
import { lastWord, mainEffects } from './main-effects.js';
import type { Compare } from './main-effects.js';

/** Arms of which samples stand side by side, and whose curves have a colour at first. */
const MOST_COLUMNS = 5;

const shown = (value: Json | undefined): string =>
  value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

const capital = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}`;

/** The folder below `runs/`. */
const pathOf = ({ name, id }: AblationRecord['spec']): string => `ablations/${name}/${id}`;

function originOf({ record, runs }: AblationRuns): Origin {
  const data = new Set(runs.flatMap((run) => (run === undefined ? [] : [run.data])));
  const { base, axes } = record.spec;
  return {
    run: pathOf(record.spec),
    config: hash(canonicalJson({ base, axes })).slice(0, 12),
    data: data.size === 0 ? 'none recorded' : data.size === 1 ? [...data].join('') : `${data.size} different, by run`,
  };
}

function results(record: AblationRecord, sorted: readonly ArmResult[], origin: Origin): Section[] {
  const { spec } = record;
  const marked = sorted.findIndex(({ isBaseline }) => isBaseline);
  const forest = forestDrawing(`Difference to the baseline ${spec.baseline}`, sorted, spec);
  return section('results', 'Results', [
    {
      kind: 'table',
      id: 'arms',
      table: armsTable(sorted, spec.better, `Arms by ${spec.measure}, the best mean first`),
      ...(marked < 0 ? {} : { marked }),
    },
    text(
      'Differences are arm − baseline, paired by seed; intervals are 95% by Student’s t; p is of the paired t-test, corrected over the arms ' +
        'by Holm’s method; the effect size is Cohen’s d for pairs; seeds needed find a true gap of this size with a chance of 80%.',
    ),
    ...(forest === undefined ? [] : [{ kind: 'drawing' as const, id: 'forest', drawing: forest, origin }]),
  ]);
}

function effects(record: AblationRecord, compare: Compare, origin: Origin): Section[] {
  const blocks = mainEffects(record, compare).flatMap(({ path, results: found }): Block[] => {
    const id = slug(`effect ${path}`);
    const forest = forestDrawing(`Main effect of ${path}`, found, record.spec);
    return [
      heading(path),
      {
        kind: 'table',
        id,
        table: armsTable(found, record.spec.better, `${capital(record.spec.measure)} by ${path}, over all arms`),
      },
      ...(forest === undefined ? [] : [{ kind: 'drawing' as const, id: `${id}-forest`, drawing: forest, origin }]),
    ];
  });
  if (blocks.length === 0) return [];
  const lead = text(
    'Each value of an axis over all arms that have it, compared with the baseline’s value, by the seeds for which all of those arms have a value. ' +
      'A main effect hides how axes work together: the table of arms shows that.',
  );
  return section('effects', 'Main effects', [lead, ...blocks]);
}

/** What was measured besides, without a verdict of its own. */
function besides(record: AblationRecord, sorted: readonly ArmResult[], compare: Compare): Section[] {
  const order = new Map(sorted.map(({ arm }, place) => [arm, place]));
  const blocks = record.spec.also.map((measure): Block => {
    const found = [...compare(record, measure)].sort((a, b) => (order.get(a.arm) ?? 0) - (order.get(b.arm) ?? 0));
    const { columns, rows } = armsTable(found, record.spec.better, measure);
    // Which direction is better was not said of these.
    return {
      kind: 'table',
      id: slug(`besides ${measure}`),
      table: { title: capital(measure), columns: columns.slice(0, -1), rows: rows.map((row) => row.slice(0, -1)) },
    };
  });
  return section('besides', 'Measured besides', blocks);
}

/** The best arms and the baseline, which is first. */
function chosenArms(sorted: readonly ArmResult[], baseline: string): string[] {
  const others = sorted.filter(({ isBaseline, mean }) => !isBaseline && mean !== undefined).map(({ arm }) => arm);
  return [baseline, ...others.slice(0, MOST_COLUMNS - 1)];
}

function curves(given: AblationRuns, sorted: readonly ArmResult[], origin: Origin): Section[] {
  const arms = sorted.map(({ arm }) => arm);
  const highlighted = chosenArms(sorted, given.record.spec.baseline).slice(0, 2);
  const figures = armCurves(given, arms, highlighted);
  const blocks = figures.map((figure): Block => {
    return {
      kind: 'figure',
      id: slug(figure.title),
      figure,
      origin,
      choose: true,
      smoothing: firstSmoothing(1),
    };
  });
  if (blocks.length === 0) return [];
  const lead = text(
    'A line is the mean over the seeds of an arm; its band goes from the lowest to the highest value of any seed. The baseline and the best ' +
      'other arm stand out at first; the buttons pick out others.',
  );
  return section('curves', 'Curves', [lead, ...blocks]);
}

function samples({ record, runs }: AblationRuns, sorted: readonly ArmResult[]): Section[] {
  const { spec, cells } = record;
  const columns = chosenArms(sorted, spec.baseline).flatMap((arm) => {
    const at = cells.findIndex((cell, index) => cell.arm === arm && (runs[index]?.texts.length ?? 0) > 0);
    const [cell, run] = [cells[at], runs[at]];
    return cell === undefined || run === undefined ? [] : [{ name: `${arm} (seed ${cell.seed})`, texts: run.texts }];
  });
  if (columns.length === 0) return [];
  const left = spec.arms.length - columns.length;
  const lead =
    left > 0
      ? `The baseline and the best arms; ${left === 1 ? 'one other arm is' : `${formatNumber(left)} other arms are`} not shown.`
      : 'What the arms wrote.';
  return section('samples', 'Samples', [text(lead), sideBySide('samples', 'Samples of the arms', columns)]);
}

/** For each arm what it changes in the base. */
function configuration({ spec }: AblationRecord): Section[] {
  const paths = spec.axes.map(({ path }) => path);
  const names = paths.map((path) =>
    paths.filter((other) => lastWord(other) === lastWord(path)).length > 1 ? path : lastWord(path),
  );
  const base = paths.map((path) => valueAt(spec.base, path.split('.')));
  const rows = spec.arms.map(({ name, settings }) => {
    const changed = paths.map((path, index) => {
      const own = settings[path];
      return own === undefined || shown(own) === shown(base[index]) ? '–' : shown(own);
    });
    return [name, ...changed];
  });
  const table = {
    title: 'What each arm changes',
    columns: ['arm', ...names],
    rows: [['base', ...base.map(shown)], ...rows],
  };
  return section('configuration', 'Configuration', [
    { kind: 'table', id: 'config-diff', table, marked: 0 },
    text('The base, which arms vary:'),
    ...configBlocks(spec.base, spec.base).slice(1),
  ]);
}

const told = ({ state, error, rung }: Cell): string => {
  if (state === 'failed') return `failed: ${error ?? 'no reason recorded'}`;
  return state === 'stopped' && rung !== undefined ? `stopped after rung ${rung + 1}` : state;
};

function runTable({ cells }: AblationRecord): Section[] {
  const rows = cells.map((cell) => [
    cell.arm,
    cell.seed,
    told(cell),
    cell.value ?? '–',
    cell.seconds === undefined ? '–' : formatSeconds(cell.seconds),
    cell.run ?? '–',
  ]);
  const table = { title: 'Runs', columns: ['arm', 'seed', 'state', 'value', 'time', 'run'], rows };
  return section('runs', 'Runs', [{ kind: 'table', id: 'runs-table', table, codes: ['run'] }]);
}

function costs({ runs }: AblationRuns, options: DocumentOptions): Section[] {
  const known = runs.flatMap((run) => run ?? []);
  const joules = known.flatMap((run) => run.joules ?? []);
  const peaks = known.flatMap((run) => run.peakMemoryBytes ?? []);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return cost(
    {
      seconds: sum(known.map(({ seconds }) => seconds)),
      secondsFromStore: sum(known.map(({ secondsFromStore }) => secondsFromStore)),
      joules: joules.length === 0 ? undefined : sum(joules),
      peakMemoryBytes: peaks.length === 0 ? undefined : Math.max(...peaks),
    },
    options.price,
  );
}

function machines({ runs }: AblationRuns): Section[] {
  const known = runs.flatMap((run) => run ?? []);
  const [first] = known;
  if (first === undefined) return [];
  const cpus = new Set(known.map((run) => shown(run.environment['cpu'])));
  const [own] = environment(first.environment);
  if (own === undefined) return [];
  const blocks = [
    ...(cpus.size > 1
      ? [
          warning(
            `The runs were made on ${cpus.size} kinds of processors: ${[...cpus].join(', ')}. Their times cannot be compared.`,
          ),
        ]
      : []),
    text('Of the first run.'),
    ...own.blocks,
  ];
  return [{ ...own, blocks }];
}

function reproduce({ record, runs }: AblationRuns, path: string): Section[] {
  const { spec } = record;
  const first = runs.find((run) => run !== undefined);
  const file = spec.file === undefined ? '<the file of the ablation>' : quoted(spec.file);
  return section('reproduce', 'How to reproduce', [
    { kind: 'code', text: `npx trainbook ablate ${file}\nnpx trainbook report ${quoted(`runs/${path}`)}` },
    text(
      'Each run is a run of its own: npx trainbook reproduce runs/… with the name from the table of runs makes it again.',
    ),
    ...codeBlocks(spec.code, first?.environment ?? {}, first?.patch),
  ]);
}

function stateOf({ cells }: AblationRecord): Document['state'] {
  if (cells.some(({ state }) => state === 'running')) return 'running';
  if (cells.some(({ state }) => state === 'waiting')) return 'interrupted';
  return cells.every(({ state }) => state === 'failed') ? 'failed' : 'done';
}

/** The report of an ablation, from its records alone. */
export function ablationDocument(given: AblationRuns, compare: Compare, options: DocumentOptions = {}): Document {
  const { record } = given;
  const { spec } = record;
  const sorted = sortedArms(compare(record), spec.better);
  const origin = originOf(given);
  const drawn = curves(given, sorted, origin);
  const firstCurve = drawn.flatMap(({ blocks }) => blocks).find((block) => block.kind === 'figure');
  return {
    kind: 'ablation',
    title: spec.name,
    id: spec.id,
    path: origin.run,
    state: stateOf(record),
    createdAt: spec.createdAt,
    about: [
      ['experiment', spec.experiment],
      ['seeds', spec.seeds.join(', ')],
      ['ablation', spec.id],
    ],
    headlines: ablationHeadlines(record, sorted),
    sections: [
      ...ablationSummary(record, sorted),
      ...results(record, sorted, origin),
      ...effects(record, compare, origin),
      ...besides(record, sorted, compare),
      ...drawn,
      ...samples(given, sorted),
      ...configuration(record),
      ...runTable(record),
      ...costs(given, options),
      ...machines(given),
      ...reproduce(given, origin.run),
    ],
    excerpt: [
      { section: 'results', blocks: ['arms', 'forest'] },
      { section: 'curves', blocks: firstCurve === undefined ? [] : [firstCurve.id] },
    ],
    origin,
  };
}
