import type { Figure } from '../../figure.js';
import { axisTitle } from '../figures.js';
import { words } from '../format.js';
import { neutralInk, seriesColour } from '../palette.js';
import type { AblationRuns } from './ablation-records.js';
import { commonWidth, curvePoints, joinCurves } from './part-curve.js';

/** Metrics that are drawn. */
const MOST_FIGURES = 4;

/** Points of all lines together, so that the page stays small. */
const MOST_POINTS = 16_000;

/** The names of metrics to draw, losses first. */
function metricNames({ runs }: AblationRuns): string[] {
  const names = [...new Set(runs.flatMap((run) => [...(run?.curves.keys() ?? [])]))];
  const rank = (name: string): number => (/^loss/i.test(name) ? 0 : /loss/i.test(name) ? 1 : 2);
  return names
    .map((name, place) => ({ name, place }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.place - b.place)
    .slice(0, MOST_FIGURES)
    .map(({ name }) => name);
}

/**
 * A figure for each metric: for each arm the mean over its seeds, and a band from the lowest to the highest value of any seed. The arms of
 * `highlighted` have colours and bands, all others are grey: a reader picks out what is of interest.
 *
 * @param arms in the order of the legend
 */
export function armCurves(given: AblationRuns, arms: readonly string[], highlighted: readonly string[]): Figure[] {
  const { record, runs } = given;
  const names = metricNames(given);
  const parts = Math.min(300, Math.max(60, Math.floor(MOST_POINTS / Math.max(1, arms.length * names.length))));
  return names.map((name) => {
    const curves = record.cells.map(({ arm }, index) => ({ arm, curve: runs[index]?.curves.get(name) }));
    const all = curves.flatMap(({ curve }) => curve ?? []);
    const width = commonWidth(all, parts);
    const bands: Figure['data'][number][] = [];
    const lines: Figure['data'][number][] = [];
    for (const arm of arms) {
      const own = curves.flatMap(({ arm: of, curve }) => (of === arm && curve !== undefined ? [curve] : []));
      if (own.length === 0) continue;
      const { x, mean, low, high } = curvePoints(joinCurves(own, width));
      const place = highlighted.indexOf(arm);
      const colour = place < 0 ? neutralInk.muted : seriesColour(place);
      bands.push({
        type: 'scatter',
        mode: 'lines',
        x: [...x, ...[...x].reverse()],
        y: [...high, ...[...low].reverse()],
        fill: 'toself',
        fillcolor: colour,
        opacity: 0.15,
        line: { width: 0, color: colour },
        hoverinfo: 'skip',
        showlegend: false,
        visible: place >= 0,
      });
      lines.push({
        type: 'scatter',
        mode: 'lines',
        name: arm,
        x,
        y: mean,
        opacity: place < 0 ? 0.35 : 1,
        line: { color: colour, width: place < 0 ? 1 : 2.5 },
        showlegend: place >= 0,
      });
    }
    // A band knows which line it is of by its place among the traces.
    const data = [
      ...bands.map((band, index): Figure['data'][number] => ({ ...band, meta: { line: bands.length + index } })),
      ...lines,
    ];
    const title = words(name);
    return {
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)} of all arms`,
      source: `metrics.jsonl of the runs of ablation ${record.spec.name}; means of ${width} steps over seeds`,
      data,
      layout: {
        height: 400,
        xaxis: { title: { text: 'step' }, zeroline: false },
        yaxis: { title: { text: axisTitle(name.split(' of ')[0] ?? name) }, zeroline: false },
        showlegend: true,
        legend: { orientation: 'h', x: 0, y: 1.12 },
        hovermode: 'closest',
      },
    };
  });
}
