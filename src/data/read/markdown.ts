// ---
// title: Notes
// tags: [walks]
// ---
// # Notes
import { parse } from 'yaml';
import type { Json } from '../../files.js';
import { found, rejected } from './found.js';
import type { FormatReader, OpenFile } from './found.js';
import { decodeUtf8 } from './decode.js';
import { jsonValue } from './json-value.js';
import { defaultLargestRow } from './options.js';
import type { ReadDocument } from './read.js';
import { isRow } from './row.js';
import { textBytes } from './text-bytes.js';
import { wholeFile } from './whole-file.js';

const frontMatter = /^---[ \t]*\r?\n([\s\S]*?\r?\n)?---[ \t]*(?:\r?\n|$)/u;

/**
 * Reads Markdown: a file is a document, its text left as it is. Front matter (YAML between lines `---` at the top) gives title, domain and language, and
 * the rest of it goes to `meta`; without a title the first heading is taken.
 */
export const readMarkdown: FormatReader = async function* (file) {
  const bytes = await wholeFile(file, textBytes(file.bytes, file.path, file.options.encoding));
  if (bytes !== undefined) {
    yield [markdownDocument(file, bytes)];
    return;
  }
  const expected = `at most ${(file.options.largestRow ?? defaultLargestRow).toLocaleString('en-US')} bytes`;
  yield [
    rejected(file, {
      row: 1,
      drop: 'row too long',
      what: 'is a document too large',
      received: file.path,
      expected,
      fix: "allow more by { largestRow }, or read it in passages by { format: 'text' }",
    }),
  ];
};

function markdownDocument(file: OpenFile, bytes: Buffer): ReadDocument {
  const { text: whole, numInvalid } = decodeUtf8(bytes);
  const front = frontMatter.exec(whole);
  const text = front === null ? whole : whole.slice(front[0].length);
  let stated: Readonly<Record<string, Json>> = {};
  try {
    const value = jsonValue(parse(front?.[1] ?? '') as unknown);
    if (isRow(value)) stated = value;
  } catch (cause) {
    const { message } = cause instanceof Error ? cause : { message: String(cause) };
    return rejected(file, {
      row: 1,
      drop: 'front matter not YAML',
      what: 'has front matter that is not YAML',
      received: front?.[1] ?? '',
      expected: 'YAML between lines ---',
      fix: message,
      cause,
    });
  }
  const { title, domain, language, lang, ...meta } = stated;
  const heading = /^#[ \t]+(.+?)[ \t]*#*[ \t]*$/mu.exec(text)?.[1];
  return found(file, {
    text,
    row: 1,
    numInvalid,
    title: typeof title === 'string' ? title : heading,
    domain: typeof domain === 'string' ? domain : undefined,
    language: typeof language === 'string' ? language : typeof lang === 'string' ? lang : undefined,
    meta,
  });
}
