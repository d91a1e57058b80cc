import { z } from 'zod';
import { TrainbookError } from '../error.js';

/**
 * Options, checked and with their defaults.
 *
 * @param owner What the error begins with, such as `encoder`.
 * @param described The schema's name, for who looks them up.
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function parseOptions<Schema extends z.ZodType>(
  owner: string,
  schema: Schema,
  options: unknown,
  described = `${owner}Options`,
): z.output<Schema> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? 'options' : issue.path.join('.');
  throw new TrainbookError({
    what: `${owner}: ${path}: ${issue?.message ?? 'not valid'}`,
    received: JSON.stringify(options),
    expected: `the options that ${described} describes`,
  });
}

/** The schema of a size, such as a number of layers or features. */
export const size = (description: string): z.ZodInt => z.int().positive().describe(description);
