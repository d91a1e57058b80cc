import type { Json } from '../../files.js';
import type { Row } from '../read/row.js';
import { shown } from './fault.js';
import type { FaultKind, Note } from './fault.js';

/** A field that the row has itself, other than null. */
export function ownField(row: Row, name: string): Json | undefined {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  return value === null ? undefined : value;
}

/** The text of a field that has to be there; undefined, and noted, where it is not. `empty` is what an empty one is. */
export function requireText(
  row: Row,
  field: string,
  empty: FaultKind & `empty ${string}`,
  note: Note,
): string | undefined {
  const value = ownField(row, field);
  if (value === undefined) {
    note({ kind: 'missing field', field, received: fieldsOf(row), expected: `${field}: a text` });
    return undefined;
  }
  if (typeof value !== 'string') {
    note({ kind: 'wrong type', field, received: shown(value), expected: 'a text' });
    return undefined;
  }
  if (value.trim() === '') {
    note({ kind: empty, field, received: shown(value), expected: 'a text that is not empty' });
    return undefined;
  }
  return value;
}

/** The text of a field that may be missing, null or empty: `''` then; undefined, and noted, where it is no text. */
export function optionalText(row: Row, field: string, note: Note): string | undefined {
  const value = ownField(row, field) ?? '';
  if (typeof value === 'string') return value;
  note({ kind: 'wrong type', field, received: shown(value), expected: 'a text, or nothing' });
  return undefined;
}

/** The names of a row's fields, as an error shows them. */
export function fieldsOf(row: Row): string {
  const names = Object.keys(row);
  const first = names.slice(0, 8).join(', ');
  return names.length === 0 ? 'no fields' : `fields ${first}${names.length > 8 ? ', …' : ''}`;
}
