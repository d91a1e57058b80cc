import type { Place } from '../read/read.js';

/** What can be wrong with a row of post-training data. */
export const faultKinds = [
  'not JSON',
  'not UTF-8',
  'not an object',
  'wrong number of fields',
  'row too long',
  'file damaged',
  'another format',
  'missing field',
  'wrong type',
  'empty prompt',
  'empty answer',
  'unknown role',
  'tool turn',
  'system in the middle',
  'two turns of one role',
  'does not begin with the user',
  'does not end with the assistant',
  'does not end with the user',
  'equal chosen and rejected',
  'unequal prompts',
  'no such ranking',
  'number of answers',
  'equal answers',
  'label not boolean',
  'no number in the answer',
  'duplicate row',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** One thing that is wrong with a row. */
export interface Fault {
  readonly kind: FaultKind;
  /** The field, and the turn in it: `messages[2]`. */
  readonly field?: string;
  readonly received: string;
  readonly expected: string;
  readonly fix?: string;
}

/** A fault and the row that has it. */
export interface PlacedFault extends Fault {
  readonly place: Place;
}

/** Takes down what is wrong with the row that is being read. */
export type Note = (fault: Fault) => void;

const shownCharacters = 60;

/** A value as an error shows it: JSON, cut where it is long. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  if (text.length <= shownCharacters) return text;
  // Not cut within a surrogate pair.
  return `${text.slice(0, shownCharacters).replace(/[\uD800-\uDBFF]$/u, '')}…`;
}
