import type { ArmResult } from '../experiment/ablations/comparison.js';
import { compareArms } from '../experiment/ablations/comparison.js';
import type { AblationPlan } from '../experiment/ablations/plan-ablation.js';
import type { AblationRecord, AblationSpec } from '../experiment/ablations/record.js';
import type { AblationEvent } from '../experiment/ablations/run-ablation.js';
import { verdict } from '../experiment/ablations/verdict.js';
import { formatNumber, formatSeconds } from '../report/format.js';
import type { Screen } from './terminal.js';

const letters = new Intl.Segmenter();
const lengthOf = (text: string): number => [...letters.segment(text)].length;

/** Rows as text, in columns; `right` are those of numbers. */
function columns(rows: readonly (readonly string[])[], right: readonly number[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => lengthOf(row[column] ?? ''))));
  const cell = (text: string, column: number): string => {
    const space = ' '.repeat((widths[column] ?? 0) - lengthOf(text));
    return right.includes(column) ? space + text : text + space;
  };
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${formatNumber(value)}`;

const interval = (ends: readonly [number, number] | undefined, format: (value: number) => string): string =>
  ends === undefined ? '' : `${format(ends[0])} … ${format(ends[1])}`;

/** The result table: means, differences to the baseline, corrected p-values, and what they say. */
export function resultTable({ spec, cells, folder }: AblationRecord): string {
  const row = (result: ArmResult): string[] => {
    const { arm, isBaseline, mean, difference, numFailed, values } = result;
    return [
      arm + (isBaseline && arm !== 'base' ? ' (baseline)' : ''),
      `${values.length}${numFailed > 0 ? ` (${numFailed} failed)` : ''}`,
      mean === undefined ? '' : formatNumber(mean),
      interval(result.interval, formatNumber),
      difference === undefined ? '' : signed(difference.mean),
      interval(difference?.interval, signed),
      difference?.corrected === undefined ? '' : formatNumber(difference.corrected),
      difference?.effectSize === undefined ? '' : signed(difference.effectSize),
      verdict(result, spec.better),
    ];
  };
  const head = ['arm', 'seeds', 'mean', '95% interval', 'difference', '95% interval', 'p (Holm)', 'effect', 'verdict'];
  const errors = cells.flatMap(({ state, arm, seed, error }) =>
    state === 'failed' ? [`failed: ${arm}, seed ${seed}: ${error ?? ''}`] : [],
  );
  return [
    `${spec.measure}, ${spec.better} is better`,
    columns([head, ...compareArms({ spec, cells, folder }).map(row)], [2, 3, 4, 5, 6, 7]),
    ...also(spec, { spec, cells, folder }),
    ...halvingNote(spec),
    ...errors,
  ].join('\n');
}

/** The means of what is measured besides. */
function also(spec: AblationSpec, record: AblationRecord): string[] {
  if (spec.also.length === 0) return [];
  const tables = spec.also.map((name) => compareArms(record, name));
  const rows = spec.arms.map(({ name }, index) => [
    name,
    ...tables.map((table) => {
      const mean = table[index]?.mean;
      return mean === undefined ? '' : formatNumber(mean);
    }),
  ]);
  return [
    '',
    columns(
      [['also (means)', ...spec.also], ...rows],
      spec.also.map((_, index) => index + 1),
    ),
  ];
}

function halvingNote({ halving }: AblationSpec): string[] {
  if (halving === null) return [];
  const { path, rungs, keep } = halving;
  return [
    `successive halving: after ${path} = ${rungs.slice(0, -1).join(', ')} only the best ${formatNumber(100 * keep)}% of the arms went on`,
  ];
}

/** What would run: arms × seeds, what is in the store, and about how long it takes. */
export function planText(
  spec: Omit<AblationSpec, 'id' | 'createdAt' | 'format' | 'code' | 'numericClass'>,
  plan: AblationPlan,
  atOnce: number,
): string {
  const rows = spec.arms.map(({ name }) => [
    name,
    ...spec.seeds.map((seed) => {
      const cell = plan.cells.find((each) => each.arm === name && each.seed === seed);
      if (cell === undefined || cell.stages.length === 0) return cell?.state ?? '';
      const toRun = cell.stages.filter(({ action }) => action === 'run').map(({ stage }) => stage);
      return toRun.length === 0 ? 'stored' : toRun.join(', ');
    }),
  ]);
  const { seconds } = plan;
  const time = seconds === undefined ? 'not known' : `about ${formatSeconds(Math.ceil(seconds / atOnce))}`;
  return [
    `${spec.name}: ${spec.arms.length} arms × ${spec.seeds.length} seeds = ${plan.cells.length} runs of ${spec.experiment}, ${atOnce} at a time`,
    `${spec.measure}, ${spec.better} is better; baseline: ${spec.baseline}`,
    columns([['stages to run', ...spec.seeds.map((seed) => `seed ${seed}`)], ...rows], []),
    `estimate: ${time}`,
  ].join('\n');
}

/** Writes an ablation as it happens: a line for each cell that ends, and one that moves for those that run. */
export function ablationEvents(
  screen: Screen,
  spec: Pick<AblationSpec, 'arms' | 'seeds' | 'measure'>,
): (event: AblationEvent) => void {
  const total = spec.arms.length * spec.seeds.length;
  const running = new Map<number, string>();
  const ended = new Set<number>();
  let moving = false;
  const line = (text: string): void => {
    screen.write(`${moving ? '\r\x1b[K' : ''}${text}\n`);
    moving = false;
  };
  const progress = (): void => {
    if (!screen.isTerminal || running.size === 0) return;
    screen.write(`\r\x1b[K${[...running.values()].join(' | ').slice(0, screen.columns - 1)}`);
    moving = true;
  };
  const nameOf = (cell: number): string =>
    `${spec.arms[Math.floor(cell / spec.seeds.length)]?.name ?? ''}, seed ${spec.seeds[cell % spec.seeds.length] ?? ''}`;
  return (event) => {
    switch (event.type) {
      case 'ablation-start':
        event.cells.forEach(({ state }, index) => {
          if (state === 'done' || state === 'failed' || state === 'stopped') ended.add(index);
        });
        line(`${event.resumed ? 'going on in' : 'writing to'} ${event.folder}`);
        if (ended.size > 0) line(`${ended.size} of ${total} cells have ended before`);
        return;
      case 'cell-start':
        running.set(event.cell, nameOf(event.cell));
        progress();
        return;
      case 'cell-run':
        if (event.event.type === 'progress') {
          const { done, total: of, task } = event.event.progress;
          running.set(
            event.cell,
            `${nameOf(event.cell)}: ${task} ${of > 0 ? `${Math.floor((100 * done) / of)}%` : ''}`,
          );
          progress();
        }
        return;
      case 'cell-end': {
        const { state, value, error, seconds, rung } = event.result;
        running.delete(event.cell);
        const isRung = state === 'waiting';
        if (!isRung) ended.add(event.cell);
        const result = state === 'failed' ? `failed: ${error?.split('\n')[0] ?? ''}` : state;
        const shown = isRung
          ? `rung ${(rung ?? 0) + 1} done`
          : state === 'done' && value !== undefined
            ? formatNumber(value)
            : result;
        line(
          `[${ended.size}/${total}] ${nameOf(event.cell)}: ${shown}${seconds === undefined ? '' : ` (${formatSeconds(seconds)})`}`,
        );
        progress();
        return;
      }
      case 'message':
        line(event.text);
        return;
    }
  };
}
