import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Document } from '../document.js';
import { jointStep } from '../joint-step.js';
import type { Step } from '../step.js';
import { eachRow } from '../rows.js';
import { greedyDeterminant } from './determinantal.js';
import type { Kernel } from './determinantal.js';
import { dot, sampleDeterminantal } from './sample-determinantal.js';

export type SelectDiverseOptions = {
  /** A document's embedding: its direction counts, not its length. All of one width. */
  readonly embed: (document: Document) => ArrayLike<number> | Promise<ArrayLike<number>>;
  /** Documents to select. */
  readonly size: number;
  /** How good a document is, above 0: of two alike the better is taken. Default: all equally. */
  readonly quality?: (document: Document) => number;
  /**
   * Absent: documents are as alike as the cosine of their embeddings, and at most as many can be selected as those have dimensions.
   * A number h: exp(−‖a − b‖² / 2h²) of the embeddings at length 1, of which any number can be.
   */
  readonly bandwidth?: number;
} & (
  | { readonly method?: 'greedy' }
  /** An exact sample, for some hundreds of documents: it takes time n³. */
  | { readonly method: 'sample'; readonly key: Key }
);

/**
 * Selects documents that are good and unlike one another, by a determinantal point process: of a set Y
 *
 *   P(Y) ∝ det [ qᵢ k(i, j) qⱼ ] for i, j in Y,
 *
 * the squared volume that their embeddings span, each as long as its quality (Kulesza and Taskar 2012, 1207.6083). `greedy` builds the
 * most likely set one document after the other (`greedyDeterminant`), `sample` draws a set with exactly that probability. All embeddings are
 * held in memory, and a greedy selection takes time n · size². In the ledger each selected document has its `gain`: the factor by which it
 * raised the determinant.
 *
 * @throws TrainbookError for a size that is none; when documents come, for embeddings of different widths or without a direction, and if
 *   so many documents cannot be told apart.
 * @example
 * corpus.through(selectDiverse({ embed: ({ text }) => embedder.embed(text), size: 100, bandwidth: 0.5 }));
 */
export function selectDiverse(options: SelectDiverseOptions): Step {
  const { embed, size, quality, bandwidth } = options;
  if (!Number.isInteger(size) || size < 1 || (bandwidth !== undefined && !(bandwidth > 0))) {
    throw new TrainbookError({
      what: 'selectDiverse: nothing can be selected so',
      received: `size ${size}${bandwidth === undefined ? '' : `, bandwidth ${bandwidth}`}`,
      expected: 'a whole number of documents above 0, and a bandwidth above 0 if any',
    });
  }
  return jointStep<number>('select diverse', {
    // All in one group: each is compared with each.
    tell: async (document, to) => {
      const good = quality?.(document) ?? 1;
      const direction = unit(await embed(document), document.id);
      if (!(good > 0 && Number.isFinite(good))) {
        throw new TrainbookError({
          what: 'selectDiverse: a quality must be above 0',
          received: `${good} of document ${document.id}`,
          expected: 'a number above 0',
        });
      }
      to(0, good, ...direction);
    },
    find: function* (told) {
      const rows = [...eachRow(told)];
      const qualities = rows.map(([, , good = 1]) => good);
      const embeddings = rows.map((row) => row.subarray(3));
      checkWidths(embeddings);
      const alike = (a: number, b: number): number => dot(embeddings[a] ?? [], embeddings[b] ?? []);
      const kernel: Kernel = (a, b) =>
        (qualities[a] ?? 1) *
        (qualities[b] ?? 1) *
        // ‖a − b‖² = 2 − 2 cos, both of length 1.
        (bandwidth === undefined ? alike(a, b) : a === b ? 1 : Math.exp(-(1 - alike(a, b)) / bandwidth ** 2));
      const wanted = Math.min(size, rows.length);
      if (options.method === 'sample') {
        for (const item of sampleDeterminantal(rows.length, wanted, kernel, options.key))
          yield [rows[item]?.[1] ?? 0, 1];
        return;
      }
      const chosen = greedyDeterminant(rows.length, wanted, kernel);
      if (chosen.length < wanted) {
        throw new TrainbookError({
          what: 'selectDiverse: no more documents can be told apart',
          received: `${chosen.length} of ${wanted} wanted: the embeddings have ${embeddings[0]?.length ?? 0} numbers`,
          expected: `a size of at most ${chosen.length}`,
          fix: 'give a bandwidth, such as 0.5; deduplicate documents that are equal; or select fewer',
        });
      }
      for (const { item, gain } of chosen) yield [rows[item]?.[1] ?? 0, gain];
    },
    decide: (found) => Array.from(eachRow(found), ([number = 0, gain = 0]) => [number, gain] as const),
    judgeOne: (keep, gain) => (gain === undefined ? { drop: 'like those selected' } : { keep, scores: { gain } }),
  });
}

/** At length 1. */
function unit(embedding: ArrayLike<number>, id: string): number[] {
  const length = Math.sqrt(dot(embedding, embedding));
  if (length > 0 && Number.isFinite(length)) return Array.from(embedding, (value) => value / length);
  throw new TrainbookError({
    what: 'selectDiverse: an embedding has no direction',
    received: `length ${length} for document ${id}`,
    expected: 'numbers that are not all 0, none of them NaN',
    fix: 'drop empty documents before',
  });
}

function checkWidths(embeddings: readonly Float64Array[]): void {
  const widths = [...new Set(embeddings.map(({ length }) => length))];
  if (widths.length < 2) return;
  throw new TrainbookError({
    what: 'selectDiverse: embeddings differ in width',
    received: widths.join(', '),
    expected: 'as many numbers for each document',
  });
}
