// {"id":"0a94…","text":"The Fulton County Grand Jury said …","source":"brown","domain":"news","language":"en","meta":{"id":"ca01"}}
import type { Document } from '../document.js';

/** Bytes that are collected before they are handed on: one write for many documents. */
const blockBytes = 262_144;

/** A document a line, all of it: reading gives it back with its id. */
export async function* encodeJsonLines(documents: AsyncIterable<Document>): AsyncGenerator<Uint8Array, void> {
  let lines: string[] = [];
  let length = 0;
  for await (const { id, text, source, domain, language, title, meta } of documents) {
    const line = `${JSON.stringify({ id, text, source, domain, language, title, meta })}\n`;
    lines.push(line);
    length += line.length;
    if (length < blockBytes) continue;
    yield Buffer.from(lines.join(''));
    lines = [];
    length = 0;
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''));
}
