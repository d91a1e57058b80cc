import { TrainbookError } from '../../error.js';
import type { FormatReader } from './found.js';
import { formatEndings, formatNames } from './format-names.js';
import type { FormatName } from './format-names.js';
import { readCsvDocuments } from './csv-documents.js';
import { readJsonLines } from './json-lines.js';
import { readJsonValues } from './json-values.js';
import { readPlainText } from './plain-text.js';
import { compressionOf } from './unpack.js';

// The readers of formats that need a library are loaded when the first file of theirs is read.
const readers: Readonly<Record<FormatName, () => Promise<FormatReader>>> = {
  csv: () => Promise.resolve(readCsvDocuments),
  tsv: () => Promise.resolve(readCsvDocuments),
  jsonl: () => Promise.resolve(readJsonLines),
  json: () => Promise.resolve(readJsonValues),
  text: () => Promise.resolve(readPlainText),
  markdown: async () => (await import('./markdown.js')).readMarkdown,
  html: async () => (await import('./html.js')).readHtml,
  parquet: async () => (await import('./parquet.js')).readParquet,
  arrow: async () => (await import('./arrow.js')).readArrow,
  warc: async () => (await import('./warc.js')).readWarc,
  mediawiki: async () => (await import('./mediawiki.js')).readMediaWiki,
};

export function readerOf(format: FormatName): Promise<FormatReader> {
  return readers[format]();
}

/** The format of a file by the ending of its name, before which may stand one of a compression. */
export function formatOf(path: string): FormatName | undefined {
  const { name } = compressionOf(path);
  return formatNames.find((format) => formatEndings[format].test(name));
}

/** @throws TrainbookError for a file whose ending tells no format. */
export function requireFormat(path: string): FormatName {
  const format = formatOf(path);
  if (format !== undefined) return format;
  throw new TrainbookError({
    what: 'load: no reader for files of this kind',
    received: path,
    expected:
      '.csv, .tsv, .jsonl, .json, .txt, .md, .html, .warc, .wet or .xml (MediaWiki), each also with .gz, .bz2 or .zst; .parquet or .arrow',
    fix: 'name its { format }, or save it as .jsonl, a document a line: {"text": "…"}',
  });
}
