// Once upon a time there was a little girl.
// <|endoftext|>
// One day, Tom went to the park.
import { found, rejected } from './found.js';
import type { FormatReader, OpenFile } from './found.js';
import { defaultLargestRow } from './options.js';
import { passageCharacters, passages } from './passages.js';
import type { ReadDocument } from './read.js';
import { textBlocks } from './text-blocks.js';
import type { TextBlock } from './text-blocks.js';
import { textBytes } from './text-bytes.js';

/** The line that stands between documents of a plain text file, as in TinyStories. */
const separator = /^<\|endoftext\|>[^\S\n]*\n?/mu;
/** No separator is longer. */
const separatorCharacters = 64;

/** Characters in which the first separator must stand, if documents are to end at separators alone. */
const headCharacters = 1_048_576;

/**
 * Reads plain text: cut at lines `<|endoftext|>`, or, where the first million characters have none, into passages of whole paragraphs.
 */
export const readPlainText: FormatReader = async function* (file) {
  const { largestRow = defaultLargestRow, encoding } = file.options;
  const cutter = new Cutter(file, largestRow);
  for await (const block of textBlocks(textBytes(file.bytes, file.path, encoding))) yield cutter.add(block);
  yield cutter.end();
};

/** Holds the text that no document has yet. */
class Cutter {
  private text = '';
  private mended: { at: number; count: number }[] = [];
  private row = 1;
  private numParts = 0;
  /** Characters of a passage; 0 if only separators end a document; undefined before that is known. */
  private characters: number | undefined;
  /** No separator begins before this place of the text. */
  private searched = 0;
  private sawSeparator = false;
  /** What comes up to the next separator belongs to a document that is too long, and told already. */
  private skipping = false;

  constructor(
    private readonly file: OpenFile,
    private readonly largest: number,
  ) {}

  add({ text, mended }: TextBlock): readonly ReadDocument[] {
    for (const { at, count } of mended) this.mended.push({ at: at + this.text.length, count });
    this.text += text;
    return this.characters === undefined && this.text.length < headCharacters ? [] : this.cut(false);
  }

  end(): readonly ReadDocument[] {
    return this.cut(true);
  }

  private cut(atEnd: boolean): readonly ReadDocument[] {
    const characters = (this.characters ??= separator.test(this.text) ? 0 : passageCharacters(this.text.length));
    const read: ReadDocument[] = [];
    for (let match = this.nextSeparator(atEnd); match !== undefined; match = this.nextSeparator(atEnd)) {
      this.sawSeparator = true;
      this.takeSegment(match.index, characters, read);
      this.take(match.length);
    }
    if (atEnd) this.takeSegment(this.text.length, characters, read);
    else if (characters > 0) this.takeSettled(characters, read);
    else if (this.skipping || this.text.length > this.largest) {
      if (!this.skipping) read.push(this.tooLong());
      this.skipping = true;
      this.take(Math.max(0, this.text.length - separatorCharacters));
    }
    return read;
  }

  /** A separator that nothing behind it can make longer. */
  private nextSeparator(atEnd: boolean): { readonly index: number; readonly length: number } | undefined {
    const pattern = new RegExp(separator, 'gmu');
    pattern.lastIndex = this.searched;
    const match = pattern.exec(this.text);
    if (match !== null && (atEnd || pattern.lastIndex < this.text.length)) {
      return { index: match.index, length: match[0].length };
    }
    this.searched = Math.max(0, match?.index ?? this.text.length - separatorCharacters);
    return undefined;
  }

  /** Takes the text to `end`, where a document ends. */
  private takeSegment(end: number, characters: number, read: ReadDocument[]): void {
    const segment = this.text.slice(0, end);
    if (this.skipping || (this.sawSeparator && segment.trim() === '')) this.take(end);
    else if (characters === 0 && end > this.largest) {
      read.push(this.tooLong());
      this.take(end);
    } else {
      for (const { length } of characters === 0 ? [segment] : passages(segment, characters)) {
        read.push(this.takeDocument(length));
      }
    }
    this.skipping = false;
  }

  /** Takes the passages whose end no longer depends on what follows. */
  private takeSettled(characters: number, read: ReadDocument[]): void {
    let left = Math.max(0, this.text.length - separatorCharacters);
    for (const { length } of passages(this.text.slice(0, left), characters)) {
      if (left <= 2 * characters) return;
      read.push(this.takeDocument(length));
      left -= length;
    }
  }

  private takeDocument(length: number): ReadDocument {
    const numInvalid = this.mended.reduce((sum, { at, count }) => sum + (at < length ? count : 0), 0);
    const row = this.row;
    return found(this.file, { text: this.take(length), row, numInvalid, meta: { part: ++this.numParts } });
  }

  private take(length: number): string {
    const taken = this.text.slice(0, length);
    for (let feed = taken.indexOf('\n'); feed >= 0; feed = taken.indexOf('\n', feed + 1)) this.row++;
    this.text = this.text.slice(length);
    this.searched = Math.max(0, this.searched - length);
    this.mended = this.mended.flatMap(({ at, count }) => (at < length ? [] : [{ at: at - length, count }]));
    return taken;
  }

  private tooLong(): ReadDocument {
    return rejected(this.file, {
      row: this.row,
      drop: 'row too long',
      what: `begins a document of more than ${this.largest.toLocaleString('en-US')} characters`,
      received: this.text.slice(0, 1000),
      expected: 'lines <|endoftext|> between documents',
      fix: 'allow more by { largestRow }',
    });
  }
}
