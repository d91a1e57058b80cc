// WARC/1.0
// WARC-Type: conversion
// WARC-Target-URI: http://example.org/
// WARC-Date: 2024-05-18T01:58:10Z
// Content-Length: 20
//
// The text of a page.
import { TrainbookError } from '../../error.js';
import { ByteReader } from './byte-reader.js';
import { decodeUtf8 } from './decode.js';
import { found, rejected } from './found.js';
import type { FormatReader, OpenFile } from './found.js';
import { decodeHtml, mainText } from './html-text.js';
import { parseHeaders, httpBody } from './http.js';
import type { Headers } from './http.js';
import { defaultLargestRow } from './options.js';
import type { ReadDocument } from './read.js';

/** Bytes that the headers of a record may take. */
const largestHeaders = 1_048_576;

/**
 * Reads WARC (ISO 28500) and Common Crawl's WET: of `conversion` records the text, of `response` and `resource` records the main text of HTML pages;
 * `meta` has url and date. Answers that are no page (errors, images) are dropped, and counted by the ledger; other records hold no documents.
 * Rows are records.
 */
export const readWarc: FormatReader = async function* (file) {
  const reader = new ByteReader(file.bytes);
  let row = 0;
  for (;;) {
    const head = await nextHead(file, reader, row + 1);
    if (head === undefined) break;
    row++;
    const length = Number(head.get('content-length') ?? NaN);
    if (!Number.isSafeInteger(length) || length < 0) throw damaged(file, row, 'a record does not state its length');
    const type = head.get('warc-type') ?? '';
    const { largestRow = defaultLargestRow } = file.options;
    if (!['conversion', 'response', 'resource'].includes(type)) {
      if ((await reader.skip(length)) < length) throw damaged(file, row, 'the record is cut off');
    } else if (length > largestRow) {
      if ((await reader.skip(length)) < length) throw damaged(file, row, 'the record is cut off');
      yield [
        rejected(file, {
          row,
          drop: 'row too long',
          what: `is a record of ${length.toLocaleString('en-US')} bytes`,
          received: head.get('warc-target-uri') ?? '',
          expected: `at most ${largestRow.toLocaleString('en-US')}`,
          fix: 'allow more by { largestRow }',
        }),
      ];
    } else {
      const body = await reader.take(length);
      if (body.length < length) throw damaged(file, row, `${body.length} of ${length} bytes of the record are there`);
      yield [await recordDocument(file, row, type, head, body)];
    }
  }
  if (row === 0)
    throw new TrainbookError({ what: 'load: the file is empty', received: file.path, expected: 'WARC records' });
};

async function nextHead(file: OpenFile, reader: ByteReader, row: number): Promise<Headers | undefined> {
  for (;;) {
    const line = await reader.until('\n', 4096).catch(() => Buffer.from('…'));
    if (line === undefined) return undefined;
    const version = line.toString('latin1').trim();
    if (version === '') continue;
    if (!/^WARC\/\d/u.test(version))
      throw damaged(file, row, `a record begins with ${JSON.stringify(version.slice(0, 40))}`);
    break;
  }
  let lines = '';
  for (;;) {
    const line = await reader.until('\n', largestHeaders);
    if (line?.at(-1) !== 10) throw damaged(file, row, 'the headers of a record are cut off');
    if (line.toString('latin1').trim() === '') return parseHeaders(lines);
    lines += line.toString('utf8');
  }
}

async function recordDocument(
  file: OpenFile,
  row: number,
  type: string,
  head: Headers,
  body: Buffer,
): Promise<ReadDocument> {
  const url = head.get('warc-target-uri')?.replace(/^<|>$/gu, '');
  const date = head.get('warc-date');
  const meta = { ...(url === undefined ? {} : { url }), ...(date === undefined ? {} : { date }) };
  const known = { row, meta, raw: body, language: languageOf(head.get('warc-identified-content-language')) };
  if (type === 'conversion') {
    const { text, numInvalid } = decodeUtf8(body);
    return found(file, { ...known, text, numInvalid });
  }
  const isHttp = /application\/http/iu.test(head.get('content-type') ?? '');
  const answer = isHttp ? httpBody(body) : { status: 200, contentType: head.get('content-type') ?? '', body };
  if (answer.status < 200 || answer.status > 299)
    return found(file, { ...known, text: '', drop: 'no page: HTTP status', evidence: String(answer.status) });
  const [, charset] = /charset\s*=\s*"?([\w:.-]+)/iu.exec(answer.contentType) ?? [];
  if (answer.body === undefined)
    return found(file, { ...known, text: '', drop: 'no page: packed in a way that is not read' });
  if (/^text\/plain/iu.test(answer.contentType.trim())) {
    return found(file, { ...known, text: decodeHtml(answer.body, charset) });
  }
  if (!/html/iu.test(answer.contentType))
    return found(file, { ...known, text: '', drop: 'no page: other kind', evidence: answer.contentType.slice(0, 60) });
  const main = await mainText(decodeHtml(answer.body, charset));
  if (main === undefined) return found(file, { ...known, text: '', drop: 'no main text' });
  return found(file, { ...known, ...main, language: main.language ?? known.language });
}

/** The first language that Common Crawl found, as BCP 47: `eng,fra` → `en`. */
function languageOf(identified: string | undefined): string | undefined {
  const [first = ''] = (identified ?? '').split(',');
  try {
    return first === '' ? undefined : Intl.getCanonicalLocales(first)[0];
  } catch {
    return undefined;
  }
}

function damaged({ path }: OpenFile, row: number, received: string): TrainbookError {
  return new TrainbookError({
    what: `load: ${path} is damaged or cut off in record ${row}`,
    received,
    expected: 'whole WARC records',
    fix: 'copy or download it again',
  });
}
