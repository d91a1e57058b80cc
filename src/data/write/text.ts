// The Fulton County Grand Jury said …
// <|endoftext|>
// Austin, Texas -- Committee approval …
import { TrainbookError } from '../../error.js';
import type { Document } from '../document.js';

const separator = '<|endoftext|>';

/** Texts alone, each followed by a line `<|endoftext|>`: reading gives them back with a line feed at their ends. */
export async function* encodeText(documents: AsyncIterable<Document>): AsyncGenerator<Uint8Array, void> {
  for await (const { id, text } of documents) {
    const bad = /^<\|endoftext\|>/mu.test(text)
      ? `a line ${separator}`
      : text.includes('\0')
        ? 'a character U+0000'
        : text.startsWith('\uFEFF')
          ? 'a byte-order mark at its beginning'
          : text.trim() === ''
            ? 'nothing but white space'
            : undefined;
    if (bad !== undefined) {
      throw new TrainbookError({
        what: 'writeDocuments: plain text cannot hold this document',
        received: `${id}: it has ${bad}`,
        expected: `texts that can stand between lines ${separator}`,
        fix: "use { format: 'jsonl' }",
      });
    }
    yield Buffer.from(`${text}${text.endsWith('\n') ? '' : '\n'}${separator}\n`);
  }
}
