import { fold, key, uniformNumbers } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { compareText } from '../document.js';
import type { Document } from '../document.js';
import type { Fate } from '../ledger/ledger.js';
import type { Step } from '../step.js';
import { judgedBy, judgedByLedger } from './judged.js';
import type { Judged } from './judged.js';
import { evidenceOf } from './review-evidence.js';
import type { Span } from './review-evidence.js';
import { ruleNamed, rulesOf } from './rule.js';

/** One document to be judged by a person. */
export interface ReviewItem {
  readonly id: string;
  readonly source: string;
  readonly title?: string;
  readonly language?: string;
  readonly text: string;
  /** Whether the rule acted on it. */
  readonly hit: boolean;
  /** What the rule met, as places in the text, as far as it can be told. */
  readonly spans: readonly Span[];
  /** What the step says of it in words, such as the number that it measured. */
  readonly note?: string;
}

/** Documents that a rule acted on and such that it left alone, drawn each with a known probability. */
export interface ReviewSample {
  readonly rule: string;
  readonly seed: number;
  /** How many documents there are of each, of which the items were drawn. */
  readonly hits: number;
  readonly misses: number;
  /** In the order of judging, which a key draws: hits and misses are mixed. */
  readonly items: readonly ReviewItem[];
}

export interface ReviewOptions {
  /** The rule by the name that it has in the ledger, or a part of it. */
  readonly rule: string;
  /** Documents to judge, half of them hits. Default: 100. */
  readonly sample?: number;
  /** Default: 1. */
  readonly seed?: number;
}

/**
 * Documents to judge a rule by: the step is run over all of them, and of those that the rule acted on (hits) and those that it
 * left alone (misses) equally many are drawn. The seed alone decides which: not the order of the documents.
 *
 * A random sample of all documents would hold hardly any hit of a rare rule. Drawn by strata, each judgement counts as many
 * times as its stratum is larger than its sample (see `reviewScores`).
 *
 * @throws TrainbookError if no document was met by the rule, with the rules that were.
 * @example
 * const raw = await load('c4_demo').through(normalise());
 * const sample = await reviewSample(raw.documents, maskPersonalData(), { rule: 'phone', sample: 40 });
 */
export async function reviewSample(
  documents: Iterable<Document> | AsyncIterable<Document>,
  step: Step,
  options: ReviewOptions,
): Promise<ReviewSample> {
  return drawReview(judgedBy(documents, step), options);
}

/**
 * The same from a ledger, without running the rule again. What a rule changed is marked only where the ledger has its evidence.
 *
 * @param documents texts of the documents in the ledger; those that are not there are not drawn
 * @example
 * const raw = await load('c4_demo');
 * const corpus = await load('c4_demo').through(quality(gopher()));
 * const sample = await reviewLedger(corpus.ledger, raw.documents, { rule: 'words under 50' });
 */
export async function reviewLedger(
  ledger: { readonly fates: Iterable<Fate>; readonly steps: readonly string[] },
  documents: Iterable<Document> | AsyncIterable<Document>,
  options: ReviewOptions,
): Promise<ReviewSample> {
  return drawReview(judgedByLedger(ledger, documents), options, ledger.steps);
}

/**
 * The sample of documents that were judged.
 *
 * @param steps in order: a document that was dropped before the rule's step came to it is neither hit nor miss
 */
export async function drawReview(
  judged: AsyncIterable<Judged>,
  { rule, sample = 100, seed = 1 }: ReviewOptions,
  steps: readonly string[] = [],
): Promise<ReviewSample> {
  if (!Number.isInteger(sample) || sample < 2) {
    throw new TrainbookError({
      what: 'review: too few documents',
      received: sample,
      expected: 'a sample of 2 or more',
    });
  }
  const counts = new Map<string, number>();
  // Until all were seen, it is not known which rules there are: a miss of one may be a hit of another.
  const groups = new Map<string, Group>();
  for await (const one of judged) {
    const rules = rulesOf(one.verdict);
    for (const each of rules) counts.set(each, (counts.get(each) ?? 0) + 1);
    const name = JSON.stringify([one.step, [...rules].sort()]);
    const group = groups.get(name) ?? { rules, step: one.step, drawing: new Drawing(sample, seed), count: 0 };
    groups.set(name, group);
    group.count++;
    group.drawing.offer(one);
  }
  const meant = ruleNamed('review', rule, counts);
  const all = [...groups.values()];
  const ofRule = all.filter(({ rules }) => rules.includes(meant));
  const place = (step: string | undefined): number => (step === undefined ? steps.length : steps.indexOf(step));
  const first = Math.min(...ofRule.map(({ step }) => place(step)));
  const others = all.filter(({ rules, step }) => !rules.includes(meant) && place(step) >= first);
  const [hits, misses] = [ofRule, others].map((some) => some.reduce((sum, { count }) => sum + count, 0));
  const drawn = { hits: joined(ofRule, sample, seed), misses: joined(others, sample, seed) };
  const numHits = Math.min(drawn.hits.length, Math.max(Math.floor(sample / 2), sample - drawn.misses.length));
  const items = [
    ...drawn.hits.slice(0, numHits).map((one) => itemOf(one, meant, true)),
    ...drawn.misses.slice(0, sample - numHits).map((one) => itemOf(one, meant, false)),
  ];
  const order = new Map(items.map((item) => [item, rank(item, seed, 'order')]));
  items.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0) || compareText(a.id, b.id));
  return { rule: meant, seed, hits: hits ?? 0, misses: misses ?? 0, items };
}

/**
 * A simple random sample without replacement of a stream: each document has a number that its id and the seed give, and those
 * with the smallest numbers are drawn, so that neither the order nor the number of the others matters.
 */
class Drawing {
  private drawn: (Judged & { readonly rank: number })[] = [];

  constructor(
    private readonly size: number,
    private readonly seed: number,
  ) {}

  offer(judged: Judged): void {
    this.drawn.push({ ...judged, rank: rank(judged.document, this.seed, 'draw') });
    if (this.drawn.length >= 2 * this.size) this.drawn = [...this.smallest()];
  }

  smallest(): readonly (Judged & { readonly rank: number })[] {
    this.drawn.sort((a, b) => a.rank - b.rank || compareText(a.document.id, b.document.id));
    return this.drawn.slice(0, this.size);
  }
}

/** Documents of which the same is to be said. */
interface Group {
  readonly rules: readonly string[];
  readonly step: string | undefined;
  readonly drawing: Drawing;
  count: number;
}

/** The smallest numbers of several drawings are those of all their documents together. */
function joined(groups: readonly Group[], sample: number, seed: number): readonly Judged[] {
  const all = new Drawing(sample, seed);
  for (const { drawing } of groups) for (const judged of drawing.smallest()) all.offer(judged);
  return all.smallest();
}

/** A number from 0 to 1 that a document and the seed give. */
export function rank(
  { id, source }: { readonly id: string; readonly source: string },
  seed: number,
  use: string,
): number {
  return uniformNumbers(fold(fold(key(seed), use), `${id} ${source}`), 1)[0] ?? 0;
}

function itemOf({ document, verdict }: Judged, rule: string, hit: boolean): ReviewItem {
  const { id, source, title, language, text } = document;
  const { spans, note } = hit ? evidenceOf(text, verdict, rule) : { spans: [], note: undefined };
  return {
    id,
    source,
    ...(title === undefined ? {} : { title }),
    ...(language === undefined ? {} : { language }),
    text,
    hit,
    spans,
    ...(note === undefined ? {} : { note }),
  };
}
