import { join } from 'node:path';
import type { Document } from '../document.js';
import type { Numbered } from '../joint-step.js';
import type { Entry } from './entry.js';
import { taskFile } from './marker.js';
import { SectionReader } from './section-file.js';

/** Characters of documents that are held, lest they be read again. */
const HELD_CHARACTERS = 8_000_000;
/** Files that are held open, with their tables. */
const OPEN_FILES = 128;

/**
 * The documents that a stage left, numbered through all buckets: each is read from its file when it is asked for. To be closed.
 *
 * @param counts documents in each bucket
 */
export function documentsInBuckets(folder: string, stage: string, counts: readonly number[]) {
  const starts = startsOf(counts);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const readers = new Map<number, SectionReader>();
  const held = new Map<number, Document>();
  let characters = 0;

  const readerOf = (bucket: number): SectionReader => {
    const open = readers.get(bucket);
    if (open !== undefined) return open;
    for (const [other, reader] of readers) {
      if (readers.size < OPEN_FILES) break;
      reader.close();
      readers.delete(other);
    }
    const reader = new SectionReader(join(folder, taskFile(stage, bucket, 'documents')));
    readers.set(bucket, reader);
    return reader;
  };
  const read = (number: number): Document => {
    const known = held.get(number);
    if (known !== undefined) return known;
    if (!(number >= 0 && number < total)) throw new RangeError(`document ${number} of ${total}`);
    const bucket = bucketAt(starts, number);
    const bytes = readerOf(bucket).read(number - (starts[bucket] ?? 0));
    const { document } = JSON.parse(bytes.toString('utf8')) as Entry;
    held.set(number, document);
    characters += document.text.length;
    for (const [other, { text }] of held) {
      if (characters <= HELD_CHARACTERS || other === number) break;
      held.delete(other);
      characters -= text.length;
    }
    return document;
  };
  const numbered: Numbered = { count: total, read };
  return {
    numbered,
    close: () => {
      for (const reader of readers.values()) reader.close();
    },
  };
}

/** The number of the first document of each bucket. */
export function startsOf(counts: readonly number[]): readonly number[] {
  let sum = 0;
  return counts.map((count) => {
    const start = sum;
    sum += count;
    return start;
  });
}

/** The last bucket that starts at or before a number: the one that holds it, as empty ones before it start there, too. */
export function bucketAt(starts: readonly number[], number: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= number) low = middle;
    else high = middle - 1;
  }
  return low;
}
