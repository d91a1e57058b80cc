import type { ArmResult } from '../../experiment/ablations/comparison.js';
import type { AblationRecord, AblationSpec } from '../../experiment/ablations/record.js';
import type { Json } from '../../files.js';
import { section, text, warning } from '../document/document.js';
import type { Block, Headline, Section } from '../document/document.js';
import { formatNumber } from '../format.js';
import { verdict } from '../../experiment/ablations/verdict.js';
import { formatInterval } from './arms-table.js';

const listed = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;

const value = (json: Json): string => (typeof json === 'string' ? json : JSON.stringify(json));

/** Values and arms that are told by their names. */
const MOST_NAMES = 8;
const few = (items: readonly string[]): string =>
  items.length <= MOST_NAMES
    ? listed(items)
    : `${items.slice(0, MOST_NAMES - 1).join(', ')} and ${items.length - MOST_NAMES + 1} others`;

/** The question, the design, the seeds, and whether arms were stopped early. */
export function asked(spec: AblationSpec): string[] {
  const { axes, design, seeds, halving, arms, measure, better, experiment } = spec;
  const told = axes.map(({ path, values }) => `${path} (${few(values.map(value))})`);
  const designs = {
    grid: `a grid of all combinations: ${arms.length} arms`,
    paired: `each axis alone is varied from the base: ${arms.length} arms`,
    random: `${arms.length} arms drawn at random from the axes${design.kind === 'random' ? ` (seed ${design.seed})` : ''}`,
  };
  const stopping =
    halving === null
      ? 'Every arm runs to its end.'
      : `Successive halving on ${halving.path}: after ${listed(halving.rungs.slice(0, -1).map((rung) => formatNumber(rung)))} ` +
        `the best ${formatNumber(100 * halving.keep)}% of the arms go on, and the baseline always; the others are stopped, and have no final value.`;
  return [
    `Asked: how do ${listed(told)} change the ${measure} of the experiment ${experiment} (${better} is better)?`,
    `Design: ${designs[design.kind]}, with the ${seeds.length === 1 ? 'seed' : 'seeds'} ${listed(seeds.map(String))}. ` +
      `Arms of one seed see the same data in the same order, so that differences are paired. ${stopping}`,
  ];
}

/** An arm's mean with its interval. */
function meanOf({ mean, interval }: ArmResult): string {
  if (mean === undefined) return 'no value';
  return `${formatNumber(mean)}${interval === undefined ? '' : ` (95% interval ${formatInterval(interval)})`}`;
}

function found({ spec, cells }: AblationRecord, sorted: readonly ArmResult[]): string {
  const open = cells.filter(({ state }) => state === 'waiting' || state === 'running').length;
  const state = open === 0 ? '' : ` ${open} of ${cells.length} runs are still to come: the table may change.`;
  const baseline = sorted.find(({ isBaseline }) => isBaseline);
  const [best] = sorted;
  if (best?.mean === undefined) return `Found: no arm has a value yet.${state}`;
  if (best.isBaseline) {
    return `Found: no arm has a better mean than the baseline ${best.arm}, ${meanOf(best)}.${state}`;
  }
  const { difference } = best;
  const beside =
    difference === undefined
      ? 'it has no seed in common with the baseline'
      : `that is ${formatNumber(difference.mean)} from the baseline ${spec.baseline}` +
        (difference.interval === undefined ? '' : ` (95% interval ${formatInterval(difference.interval)})`) +
        (difference.corrected === undefined ? '' : `, corrected p = ${formatNumber(difference.corrected)}`) +
        `: ${verdict(best, spec.better)}`;
  const base = baseline === undefined ? '' : ` The baseline has ${meanOf(baseline)}.`;
  return `Found: ${best.arm} has the best mean ${spec.measure}, ${meanOf(best)}; ${beside}.${base}${state}`;
}

function warnings({ spec, cells }: AblationRecord, results: readonly ArmResult[]): Block[] {
  const compared = results.filter(({ difference }) => difference !== undefined);
  const noisy = compared.filter(({ difference }) => difference?.insideNoise === true);
  const failed = cells.filter(({ state }) => state === 'failed');
  const needed = noisy.flatMap(({ difference }) => difference?.seedsNeeded ?? []);
  const enough =
    needed.length === 0
      ? ''
      : ` If the gaps are real, ${formatNumber(Math.min(...needed))} to ${formatNumber(Math.max(...needed))} seeds would show them (80% of the time).`;
  return [
    ...(spec.seeds.length < 2
      ? [warning('With a single seed nothing can be said of the noise: there are no intervals and no tests.')]
      : []),
    ...(noisy.length > 0
      ? [
          warning(
            `For ${noisy.length} of ${compared.length} arms the gap to the baseline is inside the noise (its 95% interval contains 0): ` +
              `${few(noisy.map(({ arm }) => arm))}.${enough}`,
          ),
        ]
      : []),
    ...(failed.length > 0
      ? [
          warning(
            `${failed.length} of ${cells.length} runs failed; their arms have fewer seeds. See the table of runs.`,
          ),
        ]
      : []),
    ...(spec.halving !== null && cells.some(({ state }) => state === 'stopped')
      ? [warning('Stopped arms were chosen by early values: a slow starter may have been lost.')]
      : []),
  ];
}

/** The question and the answer, before all else. */
export function ablationSummary(record: AblationRecord, sorted: readonly ArmResult[]): Section[] {
  return section('summary', 'Summary', [
    ...asked(record.spec).map(text),
    text(found(record, sorted)),
    ...warnings(record, sorted),
  ]);
}

/** The numbers that a reader looks for first. */
export function ablationHeadlines({ spec, cells }: AblationRecord, sorted: readonly ArmResult[]): Headline[] {
  const baseline = sorted.find(({ isBaseline }) => isBaseline);
  const [best] = sorted;
  const interval = (of: ArmResult): string =>
    of.interval === undefined ? of.arm : `95% interval ${formatInterval(of.interval)}; ${of.arm}`;
  const done = cells.filter(({ state }) => state === 'done').length;
  return [
    ...(best?.mean === undefined
      ? []
      : [{ label: `Best mean ${spec.measure}`, value: formatNumber(best.mean), note: interval(best) }]),
    ...(baseline?.mean === undefined || baseline === best
      ? []
      : [{ label: 'Baseline', value: formatNumber(baseline.mean), note: interval(baseline) }]),
    ...(best?.difference === undefined
      ? []
      : [
          {
            label: 'Difference of the best',
            value: formatNumber(best.difference.mean),
            note: `${best.difference.interval === undefined ? '' : `95% interval ${formatInterval(best.difference.interval)}; `}${verdict(best, spec.better)}`,
          },
        ]),
    { label: 'Arms', value: formatNumber(spec.arms.length) },
    { label: 'Runs done', value: `${formatNumber(done)} of ${formatNumber(cells.length)}` },
  ];
}
