import { fold, key, uniformNumbers } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { compareText } from '../document.js';
import type { Document } from '../document.js';
import { isLocalStep } from '../local-step.js';
import type { Step, Verdict } from '../step.js';
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
  { rule, sample = 100, seed = 1 }: ReviewOptions,
): Promise<ReviewSample> {
  if (!Number.isInteger(sample) || sample < 2) {
    throw new TrainbookError({
      what: 'review: too few documents',
      received: sample,
      expected: 'a sample of 2 or more',
    });
  }
  const counts = new Map<string, number>();
  const untouched = new Drawing(sample, seed);
  const touched = new Map<string, Drawing>();
  let total = 0;
  for await (const judged of judgedBy(documents, step)) {
    total++;
    const rules = rulesOf(judged.verdict);
    for (const each of rules) counts.set(each, (counts.get(each) ?? 0) + 1);
    // Until all documents were seen, it is not known which rules there are: a miss of one may be a hit of another.
    const group = JSON.stringify([...rules].sort());
    const drawing = rules.length === 0 ? untouched : (touched.get(group) ?? new Drawing(sample, seed));
    if (rules.length > 0) touched.set(group, drawing);
    drawing.offer(judged);
  }
  const meant = ruleNamed('review', rule, counts);
  const isHit = (group: string): boolean => (JSON.parse(group) as string[]).includes(meant);
  const hits = counts.get(meant) ?? 0;
  const drawn = {
    hits: joined(
      [...touched].flatMap(([group, drawing]) => (isHit(group) ? [drawing] : [])),
      sample,
      seed,
    ),
    misses: joined([untouched, ...[...touched].flatMap(([group, one]) => (isHit(group) ? [] : [one]))], sample, seed),
  };
  const numHits = Math.min(drawn.hits.length, Math.max(Math.floor(sample / 2), sample - drawn.misses.length));
  const items = [
    ...drawn.hits.slice(0, numHits).map((judged) => itemOf(judged, meant, true)),
    ...drawn.misses.slice(0, sample - numHits).map((judged) => itemOf(judged, meant, false)),
  ];
  const order = new Map(items.map((item) => [item, rank(item, seed, 'order')]));
  items.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0) || compareText(a.id, b.id));
  return { rule: meant, seed, hits, misses: total - hits, items };
}

/** A document as a step saw it, and what the step said. */
interface Judged {
  readonly document: Document;
  readonly verdict: Verdict;
}

async function* judgedBy(documents: Iterable<Document> | AsyncIterable<Document>, step: Step): AsyncGenerator<Judged> {
  if (isLocalStep(step)) {
    for await (const document of documents) yield { document, verdict: await step.judgeOne(document) };
    return;
  }
  const all: Document[] = [];
  for await (const document of documents) all.push(document);
  const verdicts = await step.judge(all);
  for (const [index, verdict] of verdicts.entries()) {
    const document = all[index];
    if (document !== undefined) yield { document, verdict };
  }
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

/** The smallest numbers of several drawings are those of all their documents together. */
function joined(drawings: readonly Drawing[], sample: number, seed: number): readonly Judged[] {
  const all = new Drawing(sample, seed);
  for (const drawing of drawings) for (const judged of drawing.smallest()) all.offer(judged);
  return all.smallest();
}

function rank({ id, source }: { readonly id: string; readonly source: string }, seed: number, use: string): number {
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
