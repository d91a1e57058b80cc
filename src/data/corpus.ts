import type { Document } from './document.js';
import type { Ledger } from './ledger/ledger.js';
import type { Step, Verdict } from './step.js';

/** Documents, and how they came to be these: the fate of all that were read. `documents[i]` is the document of `ledger.kept[i]`. */
export interface Corpus {
  readonly documents: readonly Document[];
  readonly ledger: Ledger;
  /** What was dropped, as it was then, in the order in which it was; absent where the texts were not kept. */
  readonly dropped?: readonly Document[];
}

/** A corpus in two parts that share no document: one to train on, one that training never sees. */
export interface SplitCorpus {
  readonly train: Corpus;
  readonly heldOut: Corpus;
}

/**
 * The corpus after one step more.
 *
 * @example
 * const cleaned = await apply(corpus, normalise());
 */
export async function apply(corpus: Corpus, step: Step): Promise<Corpus> {
  const verdicts = await step.judge(corpus.documents);
  const dropped = corpus.documents.filter((_, index) => 'drop' in (verdicts[index] ?? {}));
  return { ...judged(corpus, step.name, verdicts), dropped: [...(corpus.dropped ?? []), ...dropped] };
}

/** The corpus that is left by `verdicts`, one for each document, with the ledger saying so; what they drop is not added to `dropped`. */
export function judged(corpus: Corpus, step: string, verdicts: readonly Verdict[]): Corpus {
  return {
    documents: verdicts.flatMap((verdict) => ('keep' in verdict ? [verdict.keep] : [])),
    ledger: corpus.ledger.after(step, verdicts),
    ...(corpus.dropped === undefined ? {} : { dropped: corpus.dropped }),
  };
}

export function isCorpus(value: unknown): value is Corpus {
  return typeof value === 'object' && value !== null && 'documents' in value && 'ledger' in value;
}

export function isSplitCorpus(value: unknown): value is SplitCorpus {
  return (
    typeof value === 'object' &&
    value !== null &&
    'train' in value &&
    'heldOut' in value &&
    isCorpus(value.train) &&
    isCorpus(value.heldOut)
  );
}
