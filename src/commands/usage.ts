import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { ArgsDef, CommandDef } from 'citty';

/** A command called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** `any` in citty's own type of subcommands: each has arguments of its own. */
export type Command = CommandDef;

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * Checks a command line against what the command declares: citty itself takes unknown options and superfluous words in
 * silence.
 *
 * @throws UsageError that names the option or word
 */
export function checkUsage(args: ArgsDef, rawArgs: readonly string[]): void {
  const options: Options = { help: { type: 'boolean', short: 'h' } };
  let positions = 0;
  for (const [name, definition] of Object.entries(args)) {
    // `valueHint: 'several'`: as many words as there are
    if (definition.type === 'positional') positions += definition.valueHint === 'several' ? Infinity : 1;
    else options[name] = { type: definition.type === 'boolean' ? 'boolean' : 'string', multiple: true };
    if (definition.type === 'boolean') options[`no-${name}`] = { type: 'boolean' };
  }
  let positionals: string[];
  try {
    ({ positionals } = parseArgs({ args: [...rawArgs], options, allowPositionals: true, strict: true }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. To specify')[0] ?? '') : String(error));
  }
  if (positionals.length > positions) {
    throw new UsageError(`too many arguments: ${positionals.slice(positions).join(' ')}`);
  }
}

/** All values of an option that may be given several times, such as `--set a=1 --set b=2`; citty keeps the last. */
export function everyValue(rawArgs: readonly string[], name: string): string[] {
  const { tokens } = parseArgs({
    args: [...rawArgs],
    options: { [name]: { type: 'string' } },
    strict: false,
    tokens: true,
  });
  return tokens.flatMap((token) => (token.kind === 'option' && token.name === name ? (token.value ?? []) : []));
}

/** A value on the command line: JSON where it is JSON (`200`, `true`, `[1,2]`), else the text itself. */
export function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An integer option, or undefined where it was not given. */
export function integerOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value)) return value;
  throw new UsageError(`--${name} needs an integer, not '${text}'`);
}

/** An option that is a number, such as `25e9`, or undefined where it was not given. */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UsageError(`--${name} needs a number, not '${text}'`);
}
