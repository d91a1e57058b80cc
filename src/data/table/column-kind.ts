import { TrainbookError } from '../../error.js';
import type { ColumnKind } from './table.js';

/** What stands for a missing value: the list of pandas. */
export const missingWords: readonly string[] = [
  '',
  '#N/A',
  '#N/A N/A',
  '#NA',
  '-1.#IND',
  '-1.#QNAN',
  '-NaN',
  '-nan',
  '1.#IND',
  '1.#QNAN',
  '<NA>',
  'N/A',
  'NA',
  'NULL',
  'NaN',
  'None',
  'n/a',
  'nan',
  'null',
];

const decimal = /^\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)\s*$/iu;
const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['false', false],
  ['False', false],
  ['FALSE', false],
]);

/**
 * What the fields of a column are, from all of them: numbers if each that is not missing is one, else booleans, else strings.
 * Whole numbers beyond ±(2⁵³ − 1) would be rounded, so a column with one has strings.
 */
export function kindOf(fields: readonly (string | null)[]): ColumnKind {
  const present = fields.filter((field) => field !== null);
  if (present.length === 0) return 'string';
  if (present.every((field) => decimal.test(field) && !isRounded(field))) return 'number';
  return present.every((field) => booleans.has(field)) ? 'boolean' : 'string';
}

function isRounded(field: string): boolean {
  return field.length > 15 && /^\s*[+-]?\d+\s*$/u.test(field) && !Number.isSafeInteger(Number(field));
}

/**
 * The values that fields stand for, null where one is missing.
 *
 * @param place Says where field `row` stands, for the error.
 * @throws TrainbookError for a field that is not of the kind.
 */
export function parseColumn(
  kind: ColumnKind,
  name: string,
  fields: readonly (string | null)[],
  place: (row: number) => string,
): readonly (number | string | boolean | null)[] {
  return fields.map((field, row) => {
    if (field === null || kind === 'string') return field;
    const value = kind === 'number' ? parseNumber(field) : booleans.get(field);
    if (value !== undefined) return value;
    throw new TrainbookError({
      what: `${place(row)}: column ${name} has a value that is no ${kind}`,
      received: field,
      expected: kind === 'number' ? 'a decimal number, or a word that stands for a missing one' : 'true or false',
      fix: `give the word in { missing: […] } if it says that the value is missing; or read ${name} as 'string'`,
    });
  });
}

function parseNumber(field: string): number | undefined {
  if (!decimal.test(field)) return undefined;
  const infinite = /^\s*([+-]?)inf/iu.exec(field);
  return infinite ? (infinite[1] === '-' ? -Infinity : Infinity) : Number(field);
}
