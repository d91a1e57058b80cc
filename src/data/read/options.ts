import type { FormatName } from './format-names.js';

/**
 * The fields (columns) of a row that make the parts of its document; the rest of them goes to `meta`. A field inside of a field is named with the way to
 * it: `meta.source`.
 */
export interface FieldNames {
  /** Default: `text`. */
  readonly text?: string;
  /** Default: `title`. */
  readonly title?: string;
  /** Default: `domain`. */
  readonly domain?: string;
  /** Default: `language`. */
  readonly language?: string;
}

export interface ReadOptions {
  /** What the files are. By default each as the ending of its name says. */
  readonly format?: FormatName;
  readonly fields?: FieldNames;
  /** The fields that go to `meta`. By default all that are not part of the document otherwise. */
  readonly meta?: readonly string[];
  /**
   * What happens where a row cannot be read: an error that names its line (the default), or a reject, listed and counted in the ledger.
   * A file that breaks off (or cannot be read at all) is then one reject at the row where it does.
   */
  readonly onBadRow?: 'error' | 'reject';
  /** Bytes of the largest row or document that is taken. Default: 33,554,432, as 32 MiB hold a library in a line. */
  readonly largestRow?: number;
  /** Of CSV: one character. Default: a comma, in `.tsv` files a tab. */
  readonly delimiter?: string;
  /** The names of the columns of a CSV file that has no line of them. */
  readonly columnNames?: readonly string[];
  /** Of text: a name of the Encoding Standard, such as `gb18030`. Default: UTF-8, or UTF-16 where its byte-order mark stands. */
  readonly encoding?: string;
}

/** A row larger than this is more likely a file without line feeds than a document. */
export const defaultLargestRow = 33_554_432;
