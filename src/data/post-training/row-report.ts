import type { Summary, Table } from '../../figure.js';
import { faultKinds } from './fault.js';
import type { FaultKind, PlacedFault } from './fault.js';

/** Faults that a report lists where nothing else is asked for. */
export const defaultListed = 100;

/**
 * What reading rows came to: how many were kept, and what was wrong with the others, where. Faults are all counted, and listed up to a
 * limit. A row may have several.
 *
 * @example
 * const { report } = await readConversations('chats.jsonl', { onBadRow: 'reject' });
 * console.log(report.text());
 */
export class RowReport {
  constructor(
    /** The reader, such as `readConversations`. */
    readonly reader: string,
    readonly numRows: number,
    readonly numRejected: number,
    /** Faults by their kind, only the kinds that there are. */
    readonly counts: ReadonlyMap<FaultKind, number>,
    /** The first of them, in the order of the rows. */
    readonly listed: readonly PlacedFault[],
  ) {}

  get numFaults(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** `missing field 2, duplicate row 1`, the most frequent first. */
  countsText(): string {
    return this.sorted()
      .map(([kind, count]) => `${kind} ${count.toLocaleString('en-US')}`)
      .join(', ');
  }

  /** The counts, and a line for each of the first faults. */
  text(most = this.listed.length): string {
    const { numRows, numRejected, numFaults } = this;
    const head = `${this.reader}: ${count(numRows - numRejected)} of ${count(numRows)} rows kept`;
    if (numRejected === 0) return head;
    const lines = this.listed.slice(0, most).map(faultLine);
    const further = numFaults - lines.length;
    return [
      `${head}, ${count(numRejected)} rejected: ${this.countsText()}`,
      ...lines,
      ...(further > 0 ? [`… and ${count(further)} more`] : []),
    ].join('\n');
  }

  /** The faults that are listed. */
  table(): Table {
    return {
      title: 'Rows that were rejected',
      columns: ['where', 'fault', 'field', 'received', 'expected'],
      rows: this.listed.map(({ place, kind, field = '', received, expected }) => [
        `${place.file}:${place.row}`,
        kind,
        field,
        received,
        expected,
      ]),
    };
  }

  /** The counts and the list, for a report. */
  summary(): Summary {
    const { numRows, numRejected } = this;
    return {
      title: this.reader,
      facts: { rows: numRows, kept: numRows - numRejected, rejected: numRejected },
      tables:
        numRejected === 0
          ? []
          : [{ title: 'Faults by kind', columns: ['fault', 'times'], rows: this.sorted() }, this.table()],
    };
  }

  private sorted(): readonly (readonly [FaultKind, number])[] {
    return [...this.counts].sort(
      ([a, many], [b, more]) => more - many || faultKinds.indexOf(a) - faultKinds.indexOf(b),
    );
  }
}

const count = (number: number): string => number.toLocaleString('en-US');

/** `chats.jsonl:17 messages[2]: unknown role: received "bot", expected system, user or assistant` */
function faultLine({ place, kind, field, received, expected, fix }: PlacedFault): string {
  const where = `${place.file}:${place.row}${field === undefined ? '' : ` ${field}`}`;
  return `${where}: ${kind}: received ${received}, expected ${expected}${fix === undefined ? '' : `; ${fix}`}`;
}
