import { found, rejected } from './found.js';
import type { FormatReader } from './found.js';
import { decodeHtml, mainText } from './html-text.js';
import { defaultLargestRow } from './options.js';
import { wholeFile } from './whole-file.js';

/** Reads a page: its main text, title and language. A page without an article is dropped, and says so. */
export const readHtml: FormatReader = async function* (file) {
  const bytes = await wholeFile(file, file.bytes);
  if (bytes === undefined) {
    const expected = `at most ${(file.options.largestRow ?? defaultLargestRow).toLocaleString('en-US')} bytes`;
    yield [
      rejected(file, {
        row: 1,
        drop: 'row too long',
        what: 'is a page too large',
        received: file.path,
        expected,
        fix: 'allow more by { largestRow }',
      }),
    ];
    return;
  }
  const html = decodeHtml(bytes, file.options.encoding);
  const main = await mainText(html);
  yield [
    main === undefined
      ? found(file, { text: '', raw: bytes, row: 1, drop: 'no main text' })
      : found(file, { ...main, raw: bytes, row: 1 }),
  ];
};
