import type { Figure } from '../figure.js';
import type { Ledger } from './ledger.js';

/** One band of the figure: `documents` flow from one node to the next. */
interface Flow {
  readonly from: string;
  readonly to: string;
  readonly documents: number;
}

/**
 * The way of the documents as a Sankey figure: from their sources through each step to what is kept, with a branch for each
 * reason by which documents were dropped. A band's width is its number of documents.
 */
export function sankey(ledger: Ledger): Figure {
  const flows = flowsOf(ledger).filter(({ documents }) => documents > 0);
  const labels = [...new Set(flows.flatMap(({ from, to }) => [from, to]))];
  const isDrop = (label: string): boolean => label.includes('\u2009✕\u2009');
  return {
    title: 'What became of each document',
    source: `ledger of ${ledger.fates.length} documents`,
    data: [
      {
        type: 'sankey',
        node: {
          label: labels,
          pad: 18,
          thickness: 14,
          color: labels.map((label) => (isDrop(label) ? '#b4483c' : '#3b6ea5')),
        },
        link: {
          source: flows.map(({ from }) => labels.indexOf(from)),
          target: flows.map(({ to }) => labels.indexOf(to)),
          value: flows.map(({ documents }) => documents),
          color: flows.map(({ to }) => (isDrop(to) ? 'rgba(180,72,60,0.35)' : 'rgba(59,110,165,0.25)')),
        },
      },
    ],
    layout: { height: 360, margin: { l: 16, r: 16, t: 16, b: 16 } },
  };
}

function flowsOf(ledger: Ledger): readonly Flow[] {
  const sources = new Map<string, number>();
  for (const { source } of ledger.fates) sources.set(source, (sources.get(source) ?? 0) + 1);
  const counts = ledger.counts();
  const first = counts[0]?.step ?? 'read';
  const flows: Flow[] = [...sources].map(([from, documents]) => ({ from, to: first, documents }));
  counts.forEach(({ step, documentsOut, dropped }, position) => {
    flows.push({ from: step, to: counts[position + 1]?.step ?? 'kept', documents: documentsOut });
    for (const [reason, documents] of Object.entries(dropped)) {
      flows.push({ from: step, to: `${step}\u2009✕\u2009${reason}`, documents });
    }
  });
  return flows;
}
