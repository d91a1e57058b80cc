import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';
import { compareText } from '../document.js';
import type { Document } from '../document.js';
import type { Place } from '../read/read.js';
import { sankey } from './sankey.js';
import type { Dropped, Verdict } from '../step.js';

/** What one step did to one document. Steps that left it as it was have no event. */
export interface Event {
  readonly step: string;
  readonly changes?: Readonly<Record<string, number>>;
  /** For some of these rules the first thing it met. */
  readonly evidence?: Readonly<Record<string, string>>;
  /** What the step measured on it. */
  readonly scores?: Readonly<Record<string, number>>;
  readonly dropped?: Dropped;
}

/**
 * A document's way through the pipeline.
 *
 * @example
 * { id: '3f2a…', source: 'brown', domain: 'news', characters: 12176,
 *   events: [{ step: 'normalise', changes: { 'double spaces': 2 } },
 *            { step: 'deduplicate', dropped: { drop: 'near-duplicate', like: '9e10…', score: 0.94 } }] }
 */
export interface Fate {
  readonly id: string;
  readonly source: string;
  readonly domain: string;
  readonly title?: string;
  readonly language?: string;
  /** Where it was found: the file, and the line, row or record there; absent for documents that no file held. */
  readonly place?: Place;
  /** Characters when it was read. */
  readonly characters: number;
  /** In UTF-8, when it was read. */
  readonly bytes?: number;
  /** For a document that was not read but made: the one that it was made of, and the step that made it. */
  readonly from?: { readonly id: string; readonly step: string };
  readonly events: readonly Event[];
}

/** What one step did, summed over all documents. */
export interface StepCount {
  readonly step: string;
  readonly documentsIn: number;
  readonly documentsOut: number;
  /** Documents changed by the step and kept. */
  readonly changed: number;
  /** How often each rule changed something. */
  readonly changes: Readonly<Record<string, number>>;
  /** Documents dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** The name of the first step, that every document has: what was found when it was read. */
export const READ = 'read';

/**
 * The fate of every document that was read: kept, changed by which step, or dropped by which, why and like which other.
 * A value: `after` gives the next ledger and leaves this one as it is.
 *
 * @example
 * corpus.ledger.why('3f2a');
 * // 3f2a61… from brown (news, 12,176 characters)
 * //   normalise: changed (2 double spaces)
 * //   deduplicate: dropped, near-duplicate 0.94 like 9e107d…
 */
export class Ledger {
  constructor(
    /** In the order of reading. */
    readonly fates: readonly Fate[],
    /** The steps that all documents went through, in order; the first is `read`. */
    readonly steps: readonly string[] = [READ],
  ) {}

  /** The fates of the documents that are still there, in the order of the corpus. */
  get kept(): readonly Fate[] {
    return this.fates.filter((fate) => !isDropped(fate));
  }

  /** The ledger after a step that gave `verdicts`, one for each document still there, in order. */
  after(step: string, verdicts: readonly Verdict[]): Ledger {
    const name = nextName(step, this.steps);
    let position = 0;
    const fates = this.fates.map((fate) => {
      if (isDropped(fate)) return fate;
      const verdict = verdicts[position++];
      if (verdict === undefined) throw new Error(`ledger: ${step} gave ${verdicts.length} verdicts for more documents`);
      return fateAfter(fate, name, verdict);
    });
    if (position !== verdicts.length) {
      throw new Error(`ledger: ${step} gave ${verdicts.length} verdicts for ${position} documents`);
    }
    return new Ledger(fates, [...this.steps, name]);
  }

  /**
   * The story of the documents whose id begins with `prefix`, step by step, as text.
   *
   * @throws TrainbookError if no document's id begins so, or more than ten.
   */
  why(prefix: string): string {
    return stories(
      this.fates.filter(({ id }) => id.startsWith(prefix)),
      prefix,
      this.fates[0]?.id,
    );
  }

  /** What each step did, in order. */
  counts(): readonly StepCount[] {
    const counts = new Map(this.steps.map((step) => [step, new Counter(step)]));
    let remaining = 0;
    // What a step makes comes in there; what was read, with the first.
    const entered = new Map<string, number>();
    for (const fate of this.fates) {
      const entry = fate.from?.step ?? this.steps[0] ?? READ;
      entered.set(entry, (entered.get(entry) ?? 0) + 1);
      for (const event of fate.events) counts.get(event.step)?.add(event);
    }
    return [...counts.values()].map((counter) => {
      const count = counter.count(remaining + (entered.get(counter.step) ?? 0));
      remaining = count.documentsOut;
      return count;
    });
  }

  /** How many documents were read of each source. */
  get sources(): Readonly<Record<string, number>> {
    const counts = new Map<string, number>();
    for (const { source, from } of this.fates) {
      if (from === undefined) counts.set(source, (counts.get(source) ?? 0) + 1);
    }
    return sorted(counts);
  }

  /** The way of all documents as a figure: a band for each step, a branch for each reason of dropping. */
  sankey(): Figure {
    return sankey(this);
  }
}

/** A document as reading found it, and where. */
export interface Found {
  readonly document: Document;
  readonly verdict: Verdict;
  readonly place?: Place;
}

/** The ledger of documents just read, with what reading found. */
export function openLedger(read: readonly Found[]): Ledger {
  return new Ledger(read.map(openFate));
}

/** The fate of a document that was just read. */
export function openFate({ document: { id, source, domain, title, language, text }, verdict, place }: Found): Fate {
  const event = eventOf(READ, verdict);
  return {
    id,
    source,
    domain,
    ...(title === undefined ? {} : { title }),
    ...(language === undefined ? {} : { language }),
    ...(place === undefined ? {} : { place }),
    characters: text.length,
    bytes: Buffer.byteLength(text),
    events: event === undefined ? [] : [event],
  };
}

/** The fate after one step more. */
export function fateAfter(fate: Fate, step: string, verdict: Verdict): Fate {
  const event = eventOf(step, verdict);
  return event === undefined ? fate : { ...fate, events: [...fate.events, event] };
}

export function isDropped(fate: Fate): boolean {
  return fate.events.at(-1)?.dropped !== undefined;
}

/** What the ledger keeps of a verdict; undefined where nothing happened. */
function eventOf(step: string, verdict: Verdict): Event | undefined {
  if ('drop' in verdict) return { step, dropped: verdict };
  const { changes, evidence, scores } = verdict;
  if (changes === undefined && evidence === undefined && scores === undefined) return undefined;
  return {
    step,
    ...(changes === undefined ? {} : { changes }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(scores === undefined ? {} : { scores }),
  };
}

/** A step that is used again gets a number: `normalise`, `normalise 2`. */
export function nextName(step: string, names: readonly string[]): string {
  if (!names.includes(step)) return step;
  let number = 2;
  while (names.includes(`${step} ${number}`)) number++;
  return `${step} ${number}`;
}

/**
 * The stories of the documents whose id begins with a prefix.
 *
 * @throws TrainbookError if there are none, or more than ten
 */
export function stories(found: readonly Fate[], prefix: string, example = '0a94c7d1'): string {
  if (found.length === 0 || found.length > 10) {
    throw new TrainbookError({
      what: `ledger.why: ${found.length === 0 ? 'no document' : `${found.length} documents`} with this id`,
      received: prefix,
      expected: `the beginning of the id of one document, such as ${example.slice(0, 8)}`,
      fix: found.length === 0 ? 'ledger.fates lists all documents' : 'give more characters of the id',
    });
  }
  return found.map((fate) => story(fate)).join('\n\n');
}

/** A document's way, step by step, as text. */
export function story(fate: Fate): string {
  const title = fate.title === undefined ? '' : ` “${fate.title}”`;
  const lines = [`${fate.id}${title} from ${fate.source} (${fate.domain}, ${format(fate.characters)} characters)`];
  if (fate.place !== undefined) lines.push(`  found at ${fate.place.file}:${fate.place.row}`);
  if (fate.from !== undefined) lines.push(`  made of ${fate.from.id}`);
  for (const { step, changes, evidence, scores, dropped } of fate.events) {
    if (changes !== undefined) lines.push(`  ${step}: changed (${formatChanges(changes)})`);
    if (scores !== undefined) lines.push(`  ${step}: ${formatScores(scores)}`);
    for (const [rule, found] of Object.entries(evidence ?? {})) lines.push(`    ${rule}: ${found}`);
    if (dropped === undefined) continue;
    const like = dropped.like === undefined ? '' : ` like ${dropped.like}`;
    const score = dropped.score === undefined ? '' : ` ${dropped.score.toFixed(3)}`;
    lines.push(`  ${step}: dropped, ${dropped.drop}${score}${like}`);
    if (dropped.evidence !== undefined) lines.push(`    ${dropped.evidence}`);
  }
  if (!isDropped(fate)) lines.push('  kept');
  return lines.join('\n');
}

function formatScores(scores: Readonly<Record<string, number>>): string {
  return Object.entries(scores)
    .map(([name, score]) => `${name} ${Number(score.toPrecision(4))}`)
    .join(', ');
}

/** `2 double spaces, 1 byte-order mark`. */
export function formatChanges(changes: Readonly<Record<string, number>>): string {
  return Object.entries(changes)
    .map(([rule, count]) => `${format(count)} ${rule}`)
    .join(', ');
}

function format(number: number): string {
  return number.toLocaleString('en-US');
}

/** Sums the events of one step. */
class Counter {
  private changed = 0;
  private readonly changes = new Map<string, number>();
  private readonly dropped = new Map<string, number>();

  constructor(readonly step: string) {}

  add({ changes, dropped }: Event): void {
    if (dropped !== undefined) this.dropped.set(dropped.drop, (this.dropped.get(dropped.drop) ?? 0) + 1);
    if (changes === undefined) return;
    if (dropped === undefined) this.changed++;
    for (const [rule, count] of Object.entries(changes)) this.changes.set(rule, (this.changes.get(rule) ?? 0) + count);
  }

  count(documentsIn: number): StepCount {
    const numDropped = [...this.dropped.values()].reduce((sum, count) => sum + count, 0);
    return {
      step: this.step,
      documentsIn,
      documentsOut: documentsIn - numDropped,
      changed: this.changed,
      changes: sorted(this.changes),
      dropped: sorted(this.dropped),
    };
  }
}

function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].sort(([a], [b]) => compareText(a, b)));
}
