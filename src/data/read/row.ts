// {"id": "ca01", "domain": "news", "text": "The Fulton County Grand Jury said Friday an investigation of …"}
import { z } from 'zod';
import type { Json } from '../../files.js';
import type { Document } from '../document.js';
import { found, rejected } from './found.js';
import type { OpenFile } from './found.js';
import { mendSurrogates } from './decode.js';
import type { ReadDocument } from './read.js';

/** The fields of a row of JSON, CSV, Parquet or Arrow. */
export type Row = Readonly<Record<string, Json>>;

/** The document that a row holds: by the names of its fields, or, where `writeDocuments` wrote it, the very one that was written. */
export function rowDocument(
  file: OpenFile,
  value: unknown,
  row: number,
  raw: () => string,
  numInvalid = 0,
): ReadDocument {
  if (!isRow(value)) {
    return rejected(file, {
      row,
      drop: 'no text',
      what: 'has no text',
      received: raw(),
      expected: '{"text": "…"} with further fields as you like',
    });
  }
  const written = writtenDocument(value);
  if (written !== undefined && numInvalid === 0) {
    return { document: written, verdict: { keep: written }, place: { file: file.path, row } };
  }
  const { text = 'text', title = 'title', domain = 'domain', language = 'language' } = file.options.fields ?? {};
  const body = valueAt(value, text);
  if (typeof body !== 'string') {
    return rejected(file, {
      row,
      drop: 'no text',
      what: `has no text in the field ${text}`,
      received: raw(),
      expected: `{${JSON.stringify(text)}: "…"} with further fields as you like`,
      fix: 'name the field that has it by { fields: { text } } (readTable reads tables)',
      evidence: `fields: ${Object.keys(value).join(', ')}`.slice(0, 200),
    });
  }
  const word = (name: string): string | undefined => {
    const found = valueAt(value, name);
    return typeof found === 'string' ? found : undefined;
  };
  const words = { title: word(title), domain: word(domain), language: word(language) };
  return found(file, {
    text: body,
    row,
    numInvalid,
    ...words,
    meta: metaOf(value, file, [text, title, domain, language]),
  });
}

/** A field by its name, or, where no field has it, by the names on the way to it: `meta.pile_set_name`. */
function valueAt(row: Row, name: string): Json | undefined {
  if (Object.hasOwn(row, name) || !name.includes('.')) return row[name];
  let value: Json | undefined = row;
  for (const part of name.split('.')) value = isRow(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  return value;
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** All fields that made no part of the document, or those that are asked for. A title that is a number stays, one that is null is none. */
function metaOf(row: Row, { options }: OpenFile, [text = '', ...words]: readonly string[]): Row {
  const taken = new Set([text, ...words.filter((name) => typeof row[name] === 'string' || row[name] === null)]);
  const meta: Record<string, Json> = {};
  for (const name of options.meta ?? Object.keys(row)) {
    const value = row[name];
    if (value !== undefined && name !== '__proto__' && (options.meta !== undefined || !taken.has(name)))
      meta[name] = value;
  }
  return meta;
}

const documentKeys = new Set(['id', 'text', 'source', 'domain', 'language', 'title', 'meta']);
const metaSchema = z.record(z.string(), z.json());

/** A row that is a whole `Document` and nothing else: an id that is a hash, a source, a domain. */
function writtenDocument(row: Row): Document | undefined {
  const { id, text, source, domain, language, title, meta } = row;
  if (typeof id !== 'string' || !/^[0-9a-f]{32}$/u.test(id) || typeof source !== 'string' || typeof domain !== 'string')
    return undefined;
  if (typeof text !== 'string' || Object.keys(row).some((key) => !documentKeys.has(key))) return undefined;
  if ([language, title].some((word) => word !== undefined && typeof word !== 'string')) return undefined;
  if (mendSurrogates(text).numInvalid > 0) return undefined;
  const held = meta === undefined ? undefined : metaSchema.safeParse(typeof meta === 'string' ? parsed(meta) : meta);
  if (held?.success === false) return undefined;
  return {
    id,
    text,
    source,
    domain,
    ...(typeof language === 'string' ? { language } : {}),
    ...(typeof title === 'string' ? { title } : {}),
    ...(held === undefined ? {} : { meta: held.data }),
  };
}

/** JSON in a column of Parquet or Arrow; undefined if it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
