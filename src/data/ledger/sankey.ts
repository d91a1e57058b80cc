import type { Figure } from '../../figure.js';
import type { Ledger } from './ledger.js';

// Drawn with paths and text, which every bundle of Plotly has; its own Sankey trace is only in the largest.

/** One band of the figure: so many documents go from one place to the next. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly documents: number;
  /** Whether this is their end. */
  readonly dropped: boolean;
}

/** What goes from the sources through each step to what is kept; behind each step come its drops, by reason. */
export function flows(ledger: Ledger): readonly Flow[] {
  const sources = new Map<string, number>();
  for (const { source, from } of ledger.fates) {
    if (from === undefined) sources.set(source, (sources.get(source) ?? 0) + 1);
  }
  const counts = ledger.counts();
  const found: Flow[] = [...sources].map(([from, documents]) => {
    return { from, to: counts[0]?.step ?? 'kept', documents, dropped: false };
  });
  counts.forEach(({ step, documentsOut, dropped }, position) => {
    found.push({ from: step, to: counts[position + 1]?.step ?? 'kept', documents: documentsOut, dropped: false });
    for (const [to, documents] of Object.entries(dropped)) found.push({ from: step, to, documents, dropped: true });
  });
  return found.filter(({ documents }) => documents > 0);
}

const KEPT = { band: 'rgba(59, 110, 165, 0.35)', bar: 'rgb(59, 110, 165)' };
const DROPPED = { band: 'rgba(180, 72, 60, 0.5)' };

/** Sources in the figure; the rest are drawn as one. */
const MOST_SOURCES = 6;

/**
 * The way of the documents as a Sankey figure: from their sources on the left through each step to what is kept on the right,
 * with a branch down for each reason by which documents were dropped. A band is as high as its number of documents.
 */
export function sankey(ledger: Ledger): Figure {
  const total = Math.max(ledger.fates.length, 1);
  const all = flows(ledger);
  const columns = [...ledger.steps, 'kept'];
  const shapes: NonNullable<Figure['layout']['shapes']> = [];
  const labels: { x: number; y: number; text: string }[] = [];
  const band = (x0: number, top0: number, x1: number, top1: number, documents: number, fillcolor: string): void => {
    const height = documents / total;
    const middle = (x0 + x1) / 2;
    const path =
      `M ${x0},${top0} C ${middle},${top0} ${middle},${top1} ${x1},${top1} ` +
      `L ${x1},${top1 - height} C ${middle},${top1 - height} ${middle},${top0 - height} ${x0},${top0 - height} Z`;
    shapes.push({ type: 'path', path, fillcolor, line: { color: fillcolor, width: 1 } });
  };

  let top = 1;
  for (const { from, documents } of fewSources(
    all.filter(({ from, dropped }) => !dropped && !columns.includes(from)),
  )) {
    band(-1, top, 0, top, documents, KEPT.band);
    labels.push({ x: -0.5, y: top - documents / total / 2, text: `${from}: ${documents.toLocaleString('en-US')}` });
    top -= documents / total;
  }
  let numDropping = 0;
  columns.forEach((column, x) => {
    const documentsIn = ledger.counts()[x]?.documentsIn ?? ledger.kept.length;
    shapes.push({
      type: 'rect',
      x0: x - 0.02,
      x1: x + 0.02,
      y0: 1 - documentsIn / total,
      y1: 1,
      fillcolor: KEPT.bar,
      line: { width: 0 },
    });
    labels.push({ x, y: 1.1, text: `${column}<br>${documentsIn.toLocaleString('en-US')}` });
    let bottom = 1;
    const leaving = all.filter(({ from }) => from === column);
    // The labels of neighbours would run into one another: every other column's are lower.
    let depth = leaving.some(({ dropped }) => dropped) && numDropping++ % 2 === 1 ? -0.36 : -0.2;
    for (const { to, documents, dropped } of leaving) {
      if (dropped) {
        band(x, bottom, x + 0.6, depth, documents, DROPPED.band);
        labels.push({
          x: x + 0.6,
          y: depth - documents / total - 0.06,
          text: `✕ ${to}: ${documents.toLocaleString('en-US')}`,
        });
        depth -= documents / total + 0.16;
      } else band(x, 1, x + 1, 1, documents, KEPT.band);
      bottom -= documents / total;
    }
  });
  return {
    title: 'What became of each document',
    source: `ledger of ${ledger.fates.length} documents`,
    data: [
      {
        type: 'scatter',
        mode: 'text',
        x: labels.map(({ x }) => x),
        y: labels.map(({ y }) => y),
        text: labels.map(({ text }) => text),
        hoverinfo: 'skip',
        showlegend: false,
      },
    ],
    layout: {
      height: 380,
      margin: { l: 8, r: 8, t: 8, b: 8 },
      shapes,
      xaxis: { visible: false, range: [-1.15, columns.length - 0.4], fixedrange: true },
      yaxis: { visible: false, range: [Math.min(-0.2, ...labels.map(({ y }) => y)) - 0.1, 1.25], fixedrange: true },
    },
  };
}

/** The largest sources, and all others as one. */
function fewSources(sources: readonly Flow[]): readonly Flow[] {
  if (sources.length <= MOST_SOURCES) return sources;
  const [...inOrder] = sources;
  inOrder.sort((a, b) => b.documents - a.documents);
  const others = inOrder.slice(MOST_SOURCES - 1);
  const documents = others.reduce((sum, flow) => sum + flow.documents, 0);
  return [
    ...inOrder.slice(0, MOST_SOURCES - 1),
    { from: `${others.length} other sources`, to: others[0]?.to ?? '', documents, dropped: false },
  ];
}
