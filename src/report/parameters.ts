import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { inNotebook, openSlot } from './display.js';
import { html } from './markup.js';

/** The values with which a chapter was executed from outside, beside the words that show them. */
export const parametersMime = 'application/vnd.trainbook.parameters+json';

/** The type of a value in words: `number`, `list of numbers`. */
export function kindOf(value: Json): string {
  if (!Array.isArray(value)) return value === null ? 'null' : typeof value;
  const kinds = [...new Set((value as readonly Json[]).map(kindOf))];
  return kinds.length === 1 ? `list of ${kinds[0] ?? ''}s` : 'list';
}

/** Whether a value is of the type of another; of a list with several types, or none, only that it is a list is known. */
export function fits(value: Json, own: Json): boolean {
  return kindOf(own) === 'list' || (Array.isArray(value) && value.length === 0)
    ? Array.isArray(value) === Array.isArray(own)
    : kindOf(value) === kindOf(own);
}

/** The values from outside; undefined where the chapter is not executed from outside. */
function given(): Readonly<Record<string, Json>> | undefined {
  const text = process.env.TRAINBOOK_PARAMETERS;
  if (text === undefined || text === '') return undefined;
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
    const replacement = outside?.[name];
    if (replacement === undefined) return [name, value];
    if (!fits(replacement, value)) {
      throw new TrainbookError({
        what: `parameters: ${name} in TRAINBOOK_PARAMETERS is of another type`,
        received: JSON.stringify(replacement),
        expected: `a ${kindOf(value)}, such as ${JSON.stringify(value)}`,
      });
    }
    return [name, replacement];
  });
  const values = Object.fromEntries(entries);
  if (outside !== undefined && inNotebook()) showUsed(values, own);
  return values as unknown as Values;
}

/** Shows with which values a chapter is executed, and which of them are not its own. */
function showUsed(values: Readonly<Record<string, Json>>, own: Readonly<Record<string, Json>>): void {
  const lines = Object.entries(values).map(([name, value]) => {
    const [now, before] = [JSON.stringify(value), JSON.stringify(own[name])];
    return `${name} = ${now}${now === before ? '' : ` (in place of ${before})`}`;
  });
  openSlot().end({
    'text/plain': ['Executed with', ...lines].join('\n  '),
    'text/html': html`<div>
      Executed with ${lines.map((line, index) => html`${index === 0 ? '' : ', '}<code>${line}</code>`)}
    </div>`.text,
    [parametersMime]: values,
  });
}
