import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';
import { compareText } from '../document.js';
import type { Document } from '../document.js';
import { sankey } from './sankey.js';
import type { Dropped, Verdict } from '../step.js';

/** What one step did to one document. Steps that left it as it was have no event. */
export interface Event {
  readonly step: string;
  readonly changes?: Readonly<Record<string, number>>;
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
  /** Its language when it was read, if that was known. */
  readonly language?: string;
  /** Characters when it was read. */
  readonly characters: number;
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
    const name = this.steps.includes(step) ? nextName(step, this.steps) : step;
    let position = 0;
    const fates = this.fates.map((fate) => {
      if (isDropped(fate)) return fate;
      const verdict = verdicts[position++];
      if (verdict === undefined) throw new Error(`ledger: ${step} gave ${verdicts.length} verdicts for more documents`);
      const event = eventOf(name, verdict);
      return event === undefined ? fate : { ...fate, events: [...fate.events, event] };
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
    const found = this.fates.filter(({ id }) => id.startsWith(prefix));
    if (found.length === 0 || found.length > 10) {
      throw new TrainbookError({
        what: `ledger.why: ${found.length === 0 ? 'no document' : `${found.length} documents`} with this id`,
        received: prefix,
        expected: 'the beginning of the id of one document, such as ' + (this.fates[0]?.id.slice(0, 8) ?? '0a94c7d1'),
        fix: found.length === 0 ? 'ledger.fates lists all documents' : 'give more characters of the id',
      });
    }
    return found.map((fate) => story(fate)).join('\n\n');
  }

  /** What each step did, in order. */
  counts(): readonly StepCount[] {
    const counts = new Map(this.steps.map((step) => [step, new Counter(step)]));
    let remaining = this.fates.length;
    for (const fate of this.fates) {
      for (const event of fate.events) counts.get(event.step)?.add(event);
    }
    return [...counts.values()].map((counter) => {
      const count = counter.count(remaining);
      remaining = count.documentsOut;
      return count;
    });
  }

  /** The way of all documents as a figure: a band for each step, a branch for each reason of dropping. */
  sankey(): Figure {
    return sankey(this);
  }
}

/** The ledger of documents just read, with what reading found. */
export function openLedger(read: readonly { readonly document: Document; readonly verdict: Verdict }[]): Ledger {
  return new Ledger(
    read.map(({ document: { id, source, domain, title, language, text }, verdict }) => {
      const event = eventOf(READ, verdict);
      return {
        id,
        source,
        domain,
        ...(title === undefined ? {} : { title }),
        ...(language === undefined ? {} : { language }),
        characters: text.length,
        events: event === undefined ? [] : [event],
      };
    }),
  );
}

export function isDropped(fate: Fate): boolean {
  return fate.events.at(-1)?.dropped !== undefined;
}

function eventOf(step: string, verdict: Verdict): Event | undefined {
  if ('drop' in verdict) return { step, dropped: verdict };
  return verdict.changes === undefined ? undefined : { step, changes: verdict.changes };
}

/** A step that is used again gets a number: `normalise`, `normalise 2`. */
function nextName(step: string, names: readonly string[]): string {
  let number = 2;
  while (names.includes(`${step} ${number}`)) number++;
  return `${step} ${number}`;
}

function story(fate: Fate): string {
  const title = fate.title === undefined ? '' : ` “${fate.title}”`;
  const lines = [`${fate.id}${title} from ${fate.source} (${fate.domain}, ${format(fate.characters)} characters)`];
  for (const { step, changes, dropped } of fate.events) {
    if (changes !== undefined) lines.push(`  ${step}: changed (${formatChanges(changes)})`);
    if (dropped !== undefined) {
      const like = dropped.like === undefined ? '' : ` like ${dropped.like}`;
      lines.push(
        `  ${step}: dropped, ${dropped.drop}${dropped.score === undefined ? '' : ` ${dropped.score.toFixed(3)}`}${like}`,
      );
    }
  }
  if (!isDropped(fate)) lines.push('  kept');
  return lines.join('\n');
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

  constructor(private readonly step: string) {}

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
