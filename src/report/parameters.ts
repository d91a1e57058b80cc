import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';

const kindOf = (value: Json): string => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value);

function given(): Readonly<Record<string, Json>> {
  const text = process.env.TRAINBOOK_PARAMETERS;
  if (text === undefined || text === '') return {};
  try {
    const value = JSON.parse(text) as Json;
    if (kindOf(value) === 'object') return value as Readonly<Record<string, Json>>;
  } catch {
    // Told below, together with JSON that is no object.
  }
  throw new TrainbookError({
    what: 'parameters: TRAINBOOK_PARAMETERS is no JSON object',
    received: text,
    expected: 'an object such as {"steps":20}',
    fix: 'unset TRAINBOOK_PARAMETERS, or mend it',
  });
}

/**
 * A chapter's parameters: its own values, or those with which it is executed from outside (`trainbook notebooks`, by the
 * environment variable `TRAINBOOK_PARAMETERS`). Only parameters that the chapter names are taken; others belong to other
 * chapters.
 *
 * @throws TrainbookError if a value from outside is of another type
 *
 * @example
 * const { steps } = parameters({ steps: 300 }); // 300; 20 with TRAINBOOK_PARAMETERS='{"steps":20}'
 */
export function parameters<Values extends Readonly<Record<string, Json>>>(own: Values): Values {
  const outside = given();
  const entries = Object.entries(own).map(([name, value]): [string, Json] => {
    const replacement = outside[name];
    if (replacement === undefined) return [name, value];
    if (kindOf(replacement) !== kindOf(value)) {
      throw new TrainbookError({
        what: `parameters: ${name} in TRAINBOOK_PARAMETERS is of another type`,
        received: JSON.stringify(replacement),
        expected: `a ${kindOf(value)}, such as ${JSON.stringify(value)}`,
      });
    }
    return [name, replacement];
  });
  return Object.fromEntries(entries) as unknown as Values;
}
