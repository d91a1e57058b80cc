import type { Figure } from '../../figure.js';
import type { StepCount } from './ledger.js';

// Drawn with paths and text, which every bundle of Plotly has; its own Sankey trace is only in the largest.

/** One band of the figure: so many documents go from one place to the next. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly documents: number;
  /** Whether this is their end. */
  readonly dropped: boolean;
}

/** What the figure is drawn from: documents of each source, and what each step did. */
export interface Counted {
  readonly sources: Readonly<Record<string, number>>;
  counts(): readonly StepCount[];
}

/** What goes from the sources through each step to what is kept; behind each step come its drops, by reason. */
export function flows(counted: Counted): readonly Flow[] {
  const { sources } = counted;
  const counts = counted.counts();
  const found: Flow[] = Object.entries(sources).map(([from, documents]) => {
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

/** Reasons of one step in the figure; the rest are drawn as one. */
const MOST_REASONS = 5;

/** Columns whose names stand beside each other; where there are more, two of three names are higher. */
const MOST_NAMES = 6;

/** Between two labels that stand one above the other, in heights of all documents; and pixels of such a height. */
const LINE = 0.1;
const UNIT = 200;

/**
 * The way of the documents as a Sankey figure: from their sources on the left through each step to what is kept on the right,
 * with a branch down for each reason by which documents were dropped. A band is as high as its number of documents.
 */
export function sankey(counted: Counted): Figure {
  const counts = counted.counts();
  const numRead = counts[0]?.documentsIn ?? 0;
  const total = Math.max(numRead, 1);
  const all = flows(counted);
  const columns = [...counts.map(({ step }) => step), 'kept'];
  const shapes: NonNullable<Figure['layout']['shapes']> = [];
  const labels: { x: number; y: number; text: string; to: 'middle center' | 'middle left' | 'middle right' }[] = [];
  const band = (x0: number, top0: number, x1: number, top1: number, documents: number, fillcolor: string): void => {
    const height = documents / total;
    const middle = (x0 + x1) / 2;
    const path =
      `M ${x0},${top0} C ${middle},${top0} ${middle},${top1} ${x1},${top1} ` +
      `L ${x1},${top1 - height} C ${middle},${top1 - height} ${middle},${top0 - height} ${x0},${top0 - height} Z`;
    shapes.push({ type: 'path', path, fillcolor, line: { color: fillcolor, width: 1 } });
  };

  // Sources have room for their names, however many columns share the width.
  const left = -Math.max(1, columns.length / 5);
  let top = 1;
  let line = 2;
  for (const { from, documents } of fewest(
    all.filter(({ from, dropped }) => !dropped && !columns.includes(from)),
    MOST_SOURCES,
    (count) => `${count} other sources`,
  )) {
    band(left, top, 0, top, documents, KEPT.band);
    line = Math.min(line - LINE, top - documents / total / 2);
    labels.push({ x: left, y: line, text: `${from}: ${documents.toLocaleString('en-US')}`, to: 'middle right' });
    top -= documents / total;
  }
  // What is dropped goes down, each step's drops below those of the steps before it, so that no two labels meet.
  let depth = -0.2;
  columns.forEach((column, x) => {
    const documentsIn = counts[x]?.documentsIn ?? counts.at(-1)?.documentsOut ?? 0;
    shapes.push({
      type: 'rect',
      x0: x - 0.02,
      x1: x + 0.02,
      y0: 1 - documentsIn / total,
      y1: 1,
      fillcolor: KEPT.bar,
      line: { width: 0 },
    });
    const level = columns.length > MOST_NAMES ? x % 3 : 0;
    const text = `${column}<br>${documentsIn.toLocaleString('en-US')}`;
    labels.push({ x, y: 1.1 + 0.22 * level, text, to: 'middle center' });
    const leaving = all.filter(({ from }) => from === column);
    let bottom = 1;
    for (const { documents } of leaving.filter(({ dropped }) => !dropped)) {
      band(x, 1, x + 1, 1, documents, KEPT.band);
      bottom -= documents / total;
    }
    const drops = fewest(
      leaving.filter(({ dropped }) => dropped),
      MOST_REASONS,
      (count) => `${count} other reasons`,
      'to',
    );
    for (const { to, documents } of drops) {
      const height = documents / total;
      band(x, bottom, x + 0.6, depth, documents, DROPPED.band);
      // In the last columns there is no room to the right.
      const isLast = x > columns.length - 4;
      labels.push({
        x: x + (isLast ? 0.5 : 0.65),
        y: depth - height / 2,
        text: `✕ ${to}: ${documents.toLocaleString('en-US')}`,
        to: isLast ? 'middle left' : 'middle right',
      });
      bottom -= height;
      depth -= Math.max(LINE, height + 0.02);
    }
  });
  const low = Math.min(depth, line) - 0.05;
  const high = columns.length > MOST_NAMES ? 1.67 : 1.25;
  return {
    title: 'What became of each document',
    source: `ledger of ${numRead} documents`,
    data: [
      {
        type: 'scatter',
        mode: 'text',
        x: labels.map(({ x }) => x),
        y: labels.map(({ y }) => y),
        text: labels.map(({ text }) => text),
        textposition: labels.map(({ to }) => to),
        hoverinfo: 'skip',
        showlegend: false,
      },
    ],
    layout: {
      height: Math.round(UNIT * (high - low)),
      margin: { l: 8, r: 8, t: 8, b: 8 },
      shapes,
      xaxis: { visible: false, range: [left - 0.05, columns.length - 0.4], fixedrange: true },
      yaxis: { visible: false, range: [low, high], fixedrange: true },
    },
  };
}

/** The largest flows, and all others as one. */
function fewest(
  flows: readonly Flow[],
  most: number,
  nameOthers: (count: number) => string,
  end: 'from' | 'to' = 'from',
): readonly Flow[] {
  if (flows.length <= most) return flows;
  const inOrder = [...flows].sort((a, b) => b.documents - a.documents);
  const others = inOrder.slice(most - 1);
  const [first] = others;
  if (first === undefined) return inOrder;
  const documents = others.reduce((sum, flow) => sum + flow.documents, 0);
  return [...inOrder.slice(0, most - 1), { ...first, documents, [end]: nameOthers(others.length) }];
}
