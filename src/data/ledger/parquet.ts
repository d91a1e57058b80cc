import type { ColumnSource } from 'hyparquet-writer';
import type { Event, Fate } from './ledger.js';

// The ledger as two tables, for SQL:
//
//   documents: shard 0, number 12, id '3f2a…', source 'brown', domain 'news', language 'en', title null, file 'samples.jsonl.gz', row 4,
//              characters 12176, bytes 12201, fate 'dropped', dropped_by 'deduplicate', rule 'near-duplicate', like_id '9e10…',
//              score 0.94, evidence null
//   events:    shard 0, number 12, id '3f2a…', event 0, step 'normalise', kind 'changed', rule 'double spaces', count 2, score null, …
//
// (shard, number) is one document: of a text that was read twice, both documents have the same id.

/** What an event's row says: a rule that changed the text, a number that was measured, the reason of a drop. */
export type EventKind = 'changed' | 'measured' | 'dropped';

type Kind = 'STRING' | 'INT32' | 'INT64' | 'DOUBLE';

interface Column<Row> {
  readonly type: Kind;
  readonly of: (row: Row) => string | number | undefined;
}

interface Placed {
  readonly shard: number;
  readonly number: number;
  readonly fate: Fate;
}

interface EventRow extends Placed {
  readonly event: number;
  readonly step: string;
  readonly kind: EventKind;
  readonly rule: string;
  readonly count?: number;
  readonly score?: number;
  readonly evidence?: string;
  readonly like?: string;
}

const documentColumns: Readonly<Record<string, Column<Placed>>> = {
  shard: { type: 'INT32', of: ({ shard }) => shard },
  number: { type: 'INT32', of: ({ number }) => number },
  id: { type: 'STRING', of: ({ fate }) => fate.id },
  source: { type: 'STRING', of: ({ fate }) => fate.source },
  domain: { type: 'STRING', of: ({ fate }) => fate.domain },
  language: { type: 'STRING', of: ({ fate }) => fate.language },
  title: { type: 'STRING', of: ({ fate }) => fate.title },
  file: { type: 'STRING', of: ({ fate }) => fate.place?.file },
  row: { type: 'INT32', of: ({ fate }) => fate.place?.row },
  characters: { type: 'INT32', of: ({ fate }) => fate.characters },
  bytes: { type: 'INT32', of: ({ fate }) => fate.bytes },
  fate: { type: 'STRING', of: ({ fate }) => wordOf(fate) },
  dropped_by: { type: 'STRING', of: ({ fate }) => (dropOf(fate) === undefined ? undefined : fate.events.at(-1)?.step) },
  rule: { type: 'STRING', of: ({ fate }) => dropOf(fate)?.drop },
  like_id: { type: 'STRING', of: ({ fate }) => dropOf(fate)?.like },
  score: { type: 'DOUBLE', of: ({ fate }) => dropOf(fate)?.score },
  evidence: { type: 'STRING', of: ({ fate }) => dropOf(fate)?.evidence },
};

const eventColumns: Readonly<Record<string, Column<EventRow>>> = {
  shard: { type: 'INT32', of: ({ shard }) => shard },
  number: { type: 'INT32', of: ({ number }) => number },
  id: { type: 'STRING', of: ({ fate }) => fate.id },
  event: { type: 'INT32', of: ({ event }) => event },
  step: { type: 'STRING', of: ({ step }) => step },
  kind: { type: 'STRING', of: ({ kind }) => kind },
  rule: { type: 'STRING', of: ({ rule }) => rule },
  count: { type: 'DOUBLE', of: ({ count }) => count },
  score: { type: 'DOUBLE', of: ({ score }) => score },
  evidence: { type: 'STRING', of: ({ evidence }) => evidence },
  like_id: { type: 'STRING', of: ({ like }) => like },
};

/** Columns with their types in SQL, for messages: `documents(id varchar, …)`. */
export const ledgerColumns = {
  documents: Object.keys(documentColumns).join(', '),
  events: Object.keys(eventColumns).join(', '),
} as const;

/** The two tables of some fates, as the bytes of Parquet files. */
export async function ledgerParquet(
  fates: readonly Fate[],
  shard = 0,
): Promise<{ readonly documents: Uint8Array; readonly events: Uint8Array }> {
  const placed = fates.map((fate, number): Placed => ({ shard, number, fate }));
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const table = <Row>(columns: Readonly<Record<string, Column<Row>>>, rows: readonly Row[]): Uint8Array => {
    const columnData = Object.entries(columns).map(([name, { type, of }]): ColumnSource => ({
      name,
      type,
      data: rows.map((row) => of(row) ?? null),
    }));
    return new Uint8Array(parquetWriteBuffer({ columnData, createdBy: 'trainbook' }));
  };
  return { documents: table(documentColumns, placed), events: table(eventColumns, placed.flatMap(eventRows)) };
}

function eventRows(placed: Placed): readonly EventRow[] {
  return placed.fate.events.flatMap(({ step, changes, scores, evidence, dropped }, event): readonly EventRow[] => {
    const place = { ...placed, event, step };
    const known = new Set(Object.keys(changes ?? {}));
    const changed = Object.entries(changes ?? {}).map(([rule, count]): EventRow => {
      const found = evidence?.[rule];
      return { ...place, kind: 'changed', rule, count, ...(found === undefined ? {} : { evidence: found }) };
    });
    // what a rule met without changing anything
    const met = Object.entries(evidence ?? {})
      .filter(([rule]) => !known.has(rule))
      .map(([rule, found]): EventRow => ({ ...place, kind: 'measured', rule, evidence: found }));
    const measured = Object.entries(scores ?? {}).map(([rule, score]): EventRow => ({
      ...place,
      kind: 'measured',
      rule,
      score,
    }));
    if (dropped === undefined) return [...changed, ...met, ...measured];
    const { drop: rule, ...rest } = dropped;
    return [...changed, ...met, ...measured, { ...place, kind: 'dropped', rule, ...rest }];
  });
}

/** A row of a table, as it is read back. */
type Row = Readonly<Record<string, unknown>>;

/** The fates that a shard's tables hold, in order. */
export function fatesOf(documents: readonly Row[], events: readonly Row[]): readonly Fate[] {
  const eventsOf = new Map<number, Row[]>();
  for (const row of events) {
    const number = Number(row.number);
    const some = eventsOf.get(number);
    if (some === undefined) eventsOf.set(number, [row]);
    else some.push(row);
  }
  return documents.map((row) => ({
    id: String(row.id),
    source: String(row.source),
    domain: String(row.domain),
    ...texts(row, ['title', 'language']),
    ...(typeof row.file === 'string' ? { place: { file: row.file, row: Number(row.row) } } : {}),
    characters: Number(row.characters),
    ...numbers(row, ['bytes']),
    events: eventsFrom(eventsOf.get(Number(row.number)) ?? []),
  }));
}

function eventsFrom(rows: readonly Row[]): readonly Event[] {
  const byEvent = new Map<number, Row[]>();
  for (const row of rows) byEvent.set(Number(row.event), [...(byEvent.get(Number(row.event)) ?? []), row]);
  return [...byEvent.values()].map((some): Event => {
    const changes: Record<string, number> = {};
    const scores: Record<string, number> = {};
    const evidence: Record<string, string> = {};
    let dropped: Event['dropped'];
    for (const row of some) {
      const rule = String(row.rule);
      if (row.kind === 'dropped') {
        const like = typeof row.like_id === 'string' ? { like: row.like_id } : {};
        dropped = { drop: rule, ...like, ...numbers(row, ['score']), ...texts(row, ['evidence']) };
        continue;
      }
      if (row.kind === 'changed') changes[rule] = Number(row.count);
      else if (typeof row.score === 'number') scores[rule] = row.score;
      if (typeof row.evidence === 'string') evidence[rule] = row.evidence;
    }
    return {
      step: String(some[0]?.step),
      ...(Object.keys(changes).length === 0 ? {} : { changes }),
      ...(Object.keys(evidence).length === 0 ? {} : { evidence }),
      ...(Object.keys(scores).length === 0 ? {} : { scores }),
      ...(dropped === undefined ? {} : { dropped }),
    };
  });
}

function texts(row: Row, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.flatMap((name) => (typeof row[name] === 'string' ? [[name, row[name]]] : [])));
}

function numbers(row: Row, names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(names.flatMap((name) => (typeof row[name] === 'number' ? [[name, row[name]]] : [])));
}

const dropOf = (fate: Fate) => fate.events.at(-1)?.dropped;

function wordOf(fate: Fate): 'kept' | 'changed' | 'dropped' {
  if (dropOf(fate) !== undefined) return 'dropped';
  return fate.events.some(({ changes }) => changes !== undefined) ? 'changed' : 'kept';
}
