import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';
import type { Corpus } from '../corpus.js';
import type { Fate } from '../ledger/ledger.js';
import { PERPLEXITY } from './perplexity.js';

/** A document's perplexity, its group, and whether it was kept. */
export interface PerplexityPoint {
  readonly group: string;
  readonly perplexity: number;
  readonly kept: boolean;
}

export interface PerplexityFigureOptions {
  /** Default: the language of each document. */
  readonly by?: 'language' | 'source' | 'domain' | ((fate: Fate) => string);
  /** The step in the ledger. Default: perplexity. */
  readonly step?: string;
}

/** Bars to a tenfold increase of the perplexity. */
const BARS = 12;

const colours = ['#3f7fd6', '#2b9470', '#9a63c7', '#78838f'] as const;
const DROPPED = '#d0652a';

/**
 * How the perplexities of a corpus' documents are distributed, and where they were cut: a row of bars for each group on a logarithmic
 * axis, those of kept documents and of dropped ones, and a line at each cut. From the corpus' ledger, or from points.
 *
 * @throws TrainbookError if the ledger has no perplexities.
 * @example
 * const corpus = await load('brown').through(perplexity({ model, quantile: 0.9, by: 'domain' }));
 * await show(perplexityFigure(corpus, { by: 'domain' }));
 */
export function perplexityFigure(
  from: Corpus | readonly PerplexityPoint[],
  options: PerplexityFigureOptions = {},
): Figure {
  const points = 'ledger' in from ? perplexitiesOf(from, options) : from;
  if (points.length === 0) {
    throw new TrainbookError({
      what: 'perplexityFigure: no document has a perplexity',
      received: 'ledger' in from ? `the steps ${from.ledger.steps.join(', ')}` : 'no points',
      expected: 'a corpus that went through perplexity()',
      fix: 'name the step if it is used twice: { step: "perplexity 2" }',
    });
  }
  const groups = [...new Set(points.map(({ group }) => group))].sort();
  const data: Figure['data'][number][] = [];
  const shapes: NonNullable<Figure['layout']['shapes']> = [];
  groups.forEach((group, row) => {
    const own = points.filter((point) => point.group === group);
    const tallest = Math.max(...tally(own).values());
    for (const kept of [true, false]) {
      const bars = [...tally(own.filter((point) => point.kept === kept))].sort(([a], [b]) => a - b);
      const below = kept ? new Map<number, number>() : tally(own.filter((point) => point.kept));
      if (bars.length === 0) continue;
      data.push({
        type: 'bar',
        name: kept
          ? groups.length === 1
            ? 'kept'
            : `${group}: kept`
          : groups.length === 1
            ? 'dropped'
            : `${group}: dropped`,
        // In logarithms, so that bars are equally wide; each group's tallest bar is 0.9 high.
        x: bars.map(([bar]) => (bar + 0.5) / BARS),
        y: bars.map(([, count]) => (0.9 * count) / tallest),
        base: bars.map(([bar]) => row + (0.9 * (below.get(bar) ?? 0)) / tallest),
        width: 0.92 / BARS,
        marker: { color: kept ? (colours[row % colours.length] ?? colours[0]) : DROPPED },
        text: bars.map(([, count]) => String(count)),
        hovertemplate: '%{text} documents<extra></extra>',
        textposition: 'none',
      });
    }
    for (const cut of cutsOf(own)) {
      shapes.push({
        type: 'line',
        x0: Math.log10(cut),
        x1: Math.log10(cut),
        y0: row,
        y1: row + 0.95,
        line: { color: DROPPED, width: 2, dash: 'dot' },
      });
    }
  });
  const logs = points.map(({ perplexity }) => Math.log10(perplexity));
  const [least, most] = [Math.floor(BARS * min(logs)) / BARS, Math.ceil(BARS * -min(logs.map((log) => -log))) / BARS];
  const ticks = [1, 2, 5].flatMap((digit) => Array.from({ length: 9 }, (_, power) => digit * 10 ** power));
  const shown = ticks.sort((a, b) => a - b).filter((tick) => Math.log10(tick) >= least && Math.log10(tick) <= most);
  return {
    title: 'Perplexity of the documents',
    source: `perplexity of ${points.length.toLocaleString('en-US')} documents`,
    data,
    layout: {
      height: 160 + 110 * groups.length,
      barmode: 'overlay',
      bargap: 0,
      margin: { l: 110, r: 16, t: 24, b: 48 },
      shapes,
      xaxis: {
        title: { text: 'perplexity (logarithmic)' },
        tickvals: shown.map(Math.log10),
        ticktext: shown.map((tick) => tick.toLocaleString('en-US')),
        zeroline: false,
      },
      yaxis: {
        tickvals: groups.map((_, row) => row + 0.45),
        ticktext: groups.map((group) => `${group} (${points.filter((point) => point.group === group).length})`),
        range: [0, groups.length],
        zeroline: false,
        showgrid: false,
      },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.12 },
    },
  };
}

/** What the ledger says of each document that the step scored. */
export function perplexitiesOf(
  { ledger }: Corpus,
  { by = 'language', step = PERPLEXITY }: PerplexityFigureOptions = {},
): readonly PerplexityPoint[] {
  return ledger.fates.flatMap((fate) => {
    const event = fate.events.find((one) => one.step === step);
    const perplexity = event?.scores?.[PERPLEXITY] ?? event?.dropped?.score;
    if (perplexity === undefined) return [];
    const group = typeof by === 'function' ? by(fate) : (fate[by] ?? `no ${by}`);
    return [{ group, perplexity, kept: event?.dropped === undefined }];
  });
}

/** Between the kept and the dropped: the lowest and the highest perplexity kept, where some below or above were dropped. */
function cutsOf(points: readonly PerplexityPoint[]): readonly number[] {
  const kept = points.filter((point) => point.kept).map(({ perplexity }) => perplexity);
  const dropped = points.filter((point) => !point.kept).map(({ perplexity }) => perplexity);
  if (kept.length === 0) return [];
  const low = min(kept);
  const high = -min(kept.map((value) => -value));
  return [
    ...(dropped.some((value) => value < low) ? [low] : []),
    ...(dropped.some((value) => value > high) ? [high] : []),
  ];
}

/** How many points are in each bar. */
function tally(points: readonly PerplexityPoint[]): Map<number, number> {
  const bars = new Map<number, number>();
  for (const { perplexity } of points) {
    const bar = Math.floor(BARS * Math.log10(perplexity));
    bars.set(bar, (bars.get(bar) ?? 0) + 1);
  }
  return bars;
}

function min(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Infinity);
}
