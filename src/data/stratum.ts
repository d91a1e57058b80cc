import { hash } from '../files.js';
import type { Document } from './document.js';

/** How documents are grouped: by a field of theirs, or by what a function says of each. */
export type Stratum = 'source' | 'domain' | 'language' | ((document: Document) => string);

/** The function that names a document's group. */
export function stratumOf(by: Stratum): (document: Document) => string {
  if (typeof by === 'function') return by;
  return (document) => document[by] ?? `no ${by}`;
}

/** A name as two numbers, of 32 and of 52 bits, that stand for it in rows of numbers: 84 bits, so that no two names are the same. */
export function numbersOf(name: string): readonly [group: number, rest: number] {
  const digits = hash(name);
  return [Number.parseInt(digits.slice(0, 8), 16), Number.parseInt(digits.slice(8, 21), 16)];
}
