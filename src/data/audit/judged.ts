import type { Document } from '../document.js';
import { isLocalStep } from '../local-step.js';
import type { Event, Fate } from '../ledger/ledger.js';
import type { Step, Verdict } from '../step.js';

/** A document, and what was said of it. */
export interface Judged {
  readonly document: Document;
  readonly verdict: Verdict;
  /** The step that dropped it, if one did and that is known. */
  readonly step?: string;
}

/** What a step says of documents. Those of a local step are held one at a time. */
export async function* judgedBy(
  documents: Iterable<Document> | AsyncIterable<Document>,
  step: Step,
): AsyncGenerator<Judged, undefined> {
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

/** What a ledger says of documents: by which rule each was dropped, or by which it was changed. */
export async function* judgedByLedger(
  { fates }: { readonly fates: Iterable<Fate> },
  documents: Iterable<Document> | AsyncIterable<Document>,
): AsyncGenerator<Judged, undefined> {
  const byId = new Map<string, Fate>();
  for (const fate of fates) byId.set(`${fate.id} ${fate.source}`, fate);
  for await (const document of documents) {
    const fate = byId.get(`${document.id} ${document.source}`);
    if (fate !== undefined) yield judgedSo(document, fate);
  }
}

function judgedSo(document: Document, { events }: Fate): Judged {
  const last: Event | undefined = events.at(-1);
  if (last?.dropped !== undefined) return { document, verdict: last.dropped, step: last.step };
  const changes: Record<string, number> = {};
  for (const event of events) {
    for (const [rule, count] of Object.entries(event.changes ?? {})) changes[rule] = (changes[rule] ?? 0) + count;
  }
  return { document, verdict: { keep: document, changes } };
}
