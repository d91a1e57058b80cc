import { TrainbookError } from '../../error.js';
import type { FormatReader } from './found.js';
import { formatEndings, formatNames } from './format-names.js';
import type { FormatName } from './format-names.js';
import { readJsonLines } from './json-lines.js';
import { readPlainText } from './plain-text.js';
import { compressionOf } from './unpack.js';

// The readers of formats that need a library are loaded when the first file of theirs is read.
const readers: Readonly<Record<FormatName, () => Promise<FormatReader>>> = {
  jsonl: () => Promise.resolve(readJsonLines),
  text: () => Promise.resolve(readPlainText),
  markdown: () => Promise.resolve(readPlainText),
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
    expected: '.jsonl, .ndjson, .txt, .text or .md, each also with .gz',
    fix: 'name its { format }, or save it as .jsonl, a document a line: {"text": "…"}',
  });
}
