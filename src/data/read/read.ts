import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import { decodeUtf8, mendSurrogates } from './decode.js';
import { document } from '../document.js';
import type { Document } from '../document.js';
import { gunzip } from './gunzip.js';
import { passages } from './passages.js';
import type { Verdict } from '../step.js';

/** A document as it was found, and whether reading kept it. */
export interface ReadDocument {
  readonly document: Document;
  readonly verdict: Verdict;
}

/** What is known of all documents of a file before it is opened. */
export interface Origin {
  readonly source: string;
  readonly domain: string;
  readonly language?: string;
}

/** The line that stands between documents of a plain text file, as in TinyStories. */
const SEPARATOR = /^<\|endoftext\|>[^\S\n]*\n?/mu;

/**
 * The documents in the bytes of a file, by the ending of its name.
 *
 * @throws TrainbookError that names the file, and the line where there is one.
 */
export function readDocuments(bytes: Buffer, path: string, origin: Origin): readonly ReadDocument[] {
  const gzipped = /\.gz$/iu.test(path);
  const name = gzipped ? path.slice(0, -3) : path;
  const reader = readers.find(({ ending }) => ending.test(name));
  if (reader === undefined) {
    throw new TrainbookError({
      what: 'load: no reader for files of this kind',
      received: path,
      expected: '.jsonl, .ndjson, .txt, .text or .md, each also with .gz',
      fix: /\.[ct]sv$/iu.test(name) ? 'readTable reads tables' : 'save it as .jsonl, a document a line: {"text": "…"}',
    });
  }
  const unpacked = gzipped ? gunzip('load', bytes, path) : bytes;
  if (unpacked.length === 0) {
    throw new TrainbookError({ what: 'load: the file is empty', received: path, expected: 'text' });
  }
  return reader.read(unpacked, path, origin);
}

const readers: readonly { readonly ending: RegExp; readonly read: typeof readDocuments }[] = [
  { ending: /\.(jsonl|ndjson)$/iu, read: readJsonLines },
  { ending: /\.(txt|text|md)$/iu, read: readText },
];

// {"id": "ca01", "domain": "news", "text": "The Fulton County Grand Jury said Friday an investigation of …"}
const rowSchema = z.looseObject({ text: z.string() });

function readJsonLines(bytes: Buffer, path: string, origin: Origin): readonly ReadDocument[] {
  const read: ReadDocument[] = [];
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed < 0 ? bytes.length : feed;
    const { text: line, numInvalid } = decodeUtf8(bytes.subarray(start, end));
    start = end + 1;
    number++;
    if (line.trim() !== '') read.push(readRow(line, numInvalid, `${path}:${number}`, origin));
  }
  return read;
}

function readRow(line: string, numInvalid: number, place: string, origin: Origin): ReadDocument {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new TrainbookError({
      what: `load: ${place} is not JSON`,
      received: line.length > 80 ? `${line.slice(0, 80)}…` : line,
      expected: 'one whole JSON object a line',
      fix: String(cause),
      cause,
    });
  }
  const row = rowSchema.safeParse(value);
  if (!row.success) {
    throw new TrainbookError({
      what: `load: ${place} has no text`,
      received: line.length > 80 ? `${line.slice(0, 80)}…` : line,
      expected: '{"text": "…"} with further fields as you like',
    });
  }
  const { text, title, domain, language, ...rest } = row.data;
  return found({
    text,
    numInvalid,
    origin: {
      ...origin,
      ...(typeof domain === 'string' ? { domain } : {}),
      ...(typeof language === 'string' ? { language } : {}),
    },
    ...(typeof title === 'string' ? { title } : {}),
    meta: rest as Readonly<Record<string, Json>>,
  });
}

function readText(bytes: Buffer, _path: string, origin: Origin): readonly ReadDocument[] {
  const { text, numInvalid } = decodeUtf8(bytes);
  const parts = SEPARATOR.test(text) ? text.split(SEPARATOR).filter((part) => part.trim() !== '') : passages(text);
  // What was mended is written down with the part it stands in, as far as it can be told: with the first that has U+FFFD.
  const mended = numInvalid === 0 ? -1 : parts.findIndex((part) => part.includes('\uFFFD'));
  return parts.map((part, index) =>
    found({ text: part, numInvalid: index === mended ? numInvalid : 0, origin, meta: { part: index + 1 } }),
  );
}

function found(parts: {
  readonly text: string;
  readonly numInvalid: number;
  readonly origin: Origin;
  readonly title?: string;
  readonly meta: Readonly<Record<string, Json>>;
}): ReadDocument {
  const { text, numInvalid } = mendSurrogates(parts.text);
  const read = document({
    text,
    ...parts.origin,
    ...(parts.title === undefined ? {} : { title: parts.title }),
    ...(Object.keys(parts.meta).length === 0 ? {} : { meta: parts.meta }),
  });
  if (text.trim() === '') return { document: read, verdict: { drop: 'no text' } };
  const replaced = parts.numInvalid + numInvalid;
  return {
    document: read,
    verdict:
      replaced === 0 ? { keep: read } : { keep: read, changes: { 'invalid UTF-8 sequences replaced': replaced } },
  };
}
