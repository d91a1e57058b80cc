// Two rows of best fit, context 8; a document is its tokens and the <|endoftext|> after it:
//   row 1   ▆▆▆▆▆ ▆▆▆    two documents
//   row 2   ▆▆▆▆▆▆ ░░    one document, two places of padding
import { TrainbookError } from '../error.js';
import type { Figure } from '../figure.js';
import type { Packing } from './pack.js';
import type { Tokenizer } from './tokenizer.js';

/** A run of places of one row. */
export interface PackedPart {
  readonly row: number;
  readonly from: number;
  /** The place after the last. */
  readonly to: number;
  /** `whole`: a document from its beginning to its end; `cut`: a part of one; `padding`: what stands after the last target. */
  readonly kind: 'whole' | 'cut' | 'padding';
}

/**
 * What stands in the rows that `pack` made: documents, parts of documents, and padding.
 *
 * @throws TrainbookError if the rows do not say where documents are.
 */
export function packedParts(packing: Packing, { endOfText }: Pick<Tokenizer, 'endOfText'>): readonly PackedPart[] {
  const { context, numRows, tokens, weights, documents } = packing;
  if (documents === undefined) {
    throw new TrainbookError({
      what: 'packedParts: these rows do not say where documents are',
      expected: 'a packing with documents',
      fix: 'pack(…, { documents: true })',
    });
  }
  const parts: PackedPart[] = [];
  for (let row = 0; row < numRows; row++) {
    const seen = tokens.subarray(row * (context + 1), (row + 1) * (context + 1));
    const numbers = documents.subarray(row * context, (row + 1) * context);
    const weighed = weights.subarray(row * context, (row + 1) * context);
    const used = weighed.lastIndexOf(1) + 1;
    for (let from = 0, to = 0; from < used; from = to) {
      while (to < used && numbers[to] === numbers[from]) to++;
      const last = weighed.lastIndexOf(1, to - 1); // its target is the last token of the part
      const isWhole = seen[from] === endOfText && seen[last + 1] === endOfText;
      parts.push({ row, from, to, kind: isWhole ? 'whole' : 'cut' });
    }
    if (used < context) parts.push({ row, from: used, to: context, kind: 'padding' });
  }
  return parts;
}

const kinds = [
  { kind: 'whole', name: 'whole documents', color: '#3f7fd6' },
  { kind: 'cut', name: 'parts of documents', color: '#d0652a' },
  { kind: 'padding', name: 'padding', color: 'rgba(128,136,148,0.35)' },
] as const;

/**
 * Rows of a packing as a figure: whole documents, documents that are cut, and padding. A gap is the border between two documents.
 * The rows are spread evenly from the first to the last: best fit puts long documents first.
 *
 * @param mostRows how many rows are drawn at most
 * @throws TrainbookError if the rows do not say where documents are.
 * @example
 * await show(packingFigure(pack(corpus, tokenizer, 128, { form: 'best-fit' }), tokenizer));
 */
export function packingFigure(packing: Packing, tokenizer: Pick<Tokenizer, 'endOfText'>, mostRows = 12): Figure {
  const { context, numRows } = packing;
  const numShown = Math.min(mostRows, numRows);
  const shown = Array.from({ length: numShown }, (_, index) =>
    numShown === 1 ? 0 : Math.round((index * (numRows - 1)) / (numShown - 1)),
  );
  const parts = packedParts(packing, tokenizer).filter(({ row }) => shown.includes(row));
  const gap = context / 400;
  return {
    title: `Rows of ${context} tokens`,
    source: `pack of ${packing.numDocuments} documents`,
    data: kinds.map(({ kind, name, color }) => {
      const own = parts.filter((part) => part.kind === kind);
      return {
        type: 'bar',
        orientation: 'h',
        name,
        base: own.map(({ from }) => from),
        x: own.map(({ from, to }) => to - from - gap),
        y: own.map(({ row }) => shown.indexOf(row)),
        marker: { color },
        width: 0.8,
      };
    }),
    layout: {
      height: 110 + 20 * numShown,
      barmode: 'overlay',
      xaxis: { title: { text: 'place in the row' }, range: [0, context], zeroline: false, showgrid: false },
      yaxis: {
        title: { text: `row, of ${numRows.toLocaleString('en')}` },
        range: [numShown - 0.4, -0.6],
        tickvals: shown.map((_, index) => index),
        ticktext: shown.map((row) => (row + 1).toLocaleString('en')),
        zeroline: false,
      },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.12 },
    },
  };
}
