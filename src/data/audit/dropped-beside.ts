import { TrainbookError } from '../../error.js';
import type { Document } from '../document.js';
import type { Fate } from '../ledger/ledger.js';
import type { Dropped } from '../step.js';
import { compareTexts } from './compare-texts.js';
import type { TextComparison } from './compare-texts.js';
import { judgedByLedger } from './judged.js';
import type { Judged } from './judged.js';
import { rank } from './review-sample.js';
import { ruleNamed } from './rule.js';

/** A document that was dropped, and one that was kept to read it beside. */
export interface DroppedPair {
  readonly dropped: Document;
  readonly why: Dropped;
  readonly step?: string;
  /** The one that it is like, or one of the same source; absent if there is none. */
  readonly kept?: Document;
  /** From the kept one to the dropped one; there if the ledger names the kept one as like it. */
  readonly comparison?: TextComparison;
}

export interface DroppedBesideOptions {
  /** The rule that dropped them, by its name or a part of it; by default all. */
  readonly rule?: string;
  /** Default: 10. */
  readonly count?: number;
  /** Default: 1. */
  readonly seed?: number;
  /**
   * What stands beside each. `like` (the default): the document that it is like, where the rule names one, and its differences.
   * `kept`: one that was kept, of the same source, to see what the rule lets through.
   */
  readonly beside?: 'like' | 'kept';
}

/**
 * Dropped documents beside kept ones, drawn by a seed: what the numbers of a filter do not tell.
 *
 * @param documents texts of the documents in the ledger, the dropped ones as well: such as those that `load` gives
 * @throws TrainbookError if no document was dropped by this rule, with the rules that dropped some
 * @example
 * const raw = await load('c4_demo');
 * const corpus = await load('c4_demo').through(normalise(), deduplicate({ threshold: 0.8 }));
 * const pairs = await droppedBeside(corpus.ledger, raw.documents, { rule: 'near-duplicate', count: 3 });
 */
export function droppedBeside(
  ledger: { readonly fates: Iterable<Fate> },
  documents: Iterable<Document>,
  options: DroppedBesideOptions = {},
): Promise<readonly DroppedPair[]> {
  return pairDropped(() => judgedByLedger(ledger, documents), options);
}

/** The pairs of what `judged` gives, which is gone through twice: once to choose, once for what is to stand beside. */
export async function pairDropped(
  judged: () => AsyncIterable<Judged>,
  { rule, count = 10, seed = 1, beside = 'like' }: DroppedBesideOptions = {},
): Promise<readonly DroppedPair[]> {
  if (!Number.isInteger(count) || count < 1) {
    throw new TrainbookError({ what: 'read: too few documents', received: count, expected: 'a whole number above 0' });
  }
  const counts = new Map<string, number>();
  const chosen = new Map<string, (Judged & { readonly why: Dropped })[]>();
  for await (const one of judged()) {
    const { verdict } = one;
    if (!('drop' in verdict)) continue;
    counts.set(verdict.drop, (counts.get(verdict.drop) ?? 0) + 1);
    const list = chosen.get(verdict.drop) ?? [];
    // Copies of one text have one id, and are read once.
    if (list.some(({ document }) => document.id === one.document.id)) continue;
    chosen.set(verdict.drop, smallest([...list, { ...one, why: verdict }], count, seed));
  }
  const meant = rule === undefined ? undefined : ruleNamed('read', rule, counts);
  if (counts.size === 0) {
    throw new TrainbookError({
      what: 'read: no document was dropped',
      received: 0,
      expected: 'a rule that drops some',
    });
  }
  const dropped = smallest(
    [...chosen].flatMap(([drop, list]) => (meant === undefined || drop === meant ? list : [])),
    count,
    seed,
  );
  const others = await keptBeside(judged(), dropped, beside, seed);
  return dropped.map(({ document, why, step }, index): DroppedPair => {
    const kept = others[index];
    const isLike = kept !== undefined && kept.id === why.like;
    return {
      dropped: document,
      why,
      ...(step === undefined ? {} : { step }),
      ...(kept === undefined ? {} : { kept }),
      ...(isLike
        ? { comparison: compareTexts(kept.text, document.text, { title: `${document.id} beside ${kept.id}` }) }
        : {}),
    };
  });
}

/** What is to stand beside each dropped document. */
async function keptBeside(
  judged: AsyncIterable<Judged>,
  dropped: readonly (Judged & { readonly why: Dropped })[],
  beside: 'like' | 'kept',
  seed: number,
): Promise<readonly (Document | undefined)[]> {
  const found = new Array<Document | undefined>(dropped.length).fill(undefined);
  const order = new Array<number>(dropped.length).fill(Infinity);
  for await (const { document, verdict } of judged) {
    for (const [index, { document: own, why }] of dropped.entries()) {
      if (beside === 'like') {
        if (document.id === why.like) found[index] ??= document;
      } else if ('keep' in verdict && document.source === own.source) {
        const place = rank(document, seed, own.id);
        if (place >= (order[index] ?? 0)) continue;
        order[index] = place;
        found[index] = document;
      }
    }
  }
  return found;
}

function smallest<T extends Judged>(list: readonly T[], count: number, seed: number): T[] {
  if (list.length <= 1) return [...list];
  const ranked = list.map((one) => ({ one, place: rank(one.document, seed, 'dropped') }));
  return ranked
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ one }) => one);
}
