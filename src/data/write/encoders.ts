import type { Document } from '../document.js';
import { encodeJsonLines } from './json-lines.js';
import { encodeText } from './text.js';
import type { WriteCompression } from './pack.js';

/** Makes the bytes of one file from its documents, as they come. */
export type Encoder = (
  documents: AsyncIterable<Document>,
  compression: WriteCompression | undefined,
) => AsyncIterable<Uint8Array>;

export type WriteFormat = 'jsonl' | 'parquet' | 'arrow' | 'text';

interface FormatRules {
  readonly ending: string;
  /** Where the pages of a format are compressed inside, the file is not compressed again. */
  readonly packsItself: boolean;
  readonly encoder: () => Promise<Encoder>;
}

export const writeFormats: Readonly<Record<WriteFormat, FormatRules>> = {
  jsonl: { ending: '.jsonl', packsItself: false, encoder: () => Promise.resolve(encodeJsonLines) },
  parquet: { ending: '.parquet', packsItself: true, encoder: async () => (await import('./parquet.js')).encodeParquet },
  arrow: { ending: '.arrow', packsItself: false, encoder: async () => (await import('./arrow.js')).encodeArrow },
  text: { ending: '.txt', packsItself: false, encoder: () => Promise.resolve(encodeText) },
};
