import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { ArgsDef, CommandDef } from 'citty';

/** A command called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** `any` in citty's own type of subcommands: each has arguments of its own. */
export type Command = CommandDef;

/** The `valueHint` of a last word that may be repeated: `trainbook runs compare A B C`. */
export const repeated = '…';

/** All words of a command line that are no options, for a command whose last word may be repeated. */
export function everyWord(args: ArgsDef, rawArgs: readonly string[]): string[] {
  return parseArgs({ args: [...rawArgs], options: optionsOf(args), allowPositionals: true, strict: true }).positionals;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * Checks a command line against what the command declares: citty itself takes unknown options and superfluous words in
 * silence.
 *
 * @throws UsageError that names the option or word
 */
export function checkUsage(args: ArgsDef, rawArgs: readonly string[]): void {
  const words = Object.values(args).filter(({ type }) => type === 'positional');
  const positions = words.at(-1)?.valueHint === repeated ? Infinity : words.length;
  let positionals: string[];
  try {
    positionals = everyWord(args, rawArgs);
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. To specify')[0] ?? '') : String(error));
  }
  if (positionals.length > positions) {
    throw new UsageError(`too many arguments: ${positionals.slice(positions).join(' ')}`);
  }
}

function optionsOf(args: ArgsDef): Options {
  const options: Options = { help: { type: 'boolean', short: 'h' } };
  for (const [name, { type }] of Object.entries(args)) {
    if (type === 'positional') continue;
    options[name] = { type: type === 'boolean' ? 'boolean' : 'string', multiple: true };
    if (type === 'boolean') options[`no-${name}`] = { type: 'boolean' };
  }
  return options;
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

/** `--port`, or 0 for a free one. */
export function portOption(text: string | undefined): number {
  const port = integerOption('port', text) ?? 0;
  if (port < 0 || port > 65_535) throw new UsageError(`--port needs a number from 0 to 65535, not '${port}'`);
  return port;
}

/** An option that is a number, such as `25e9`, or undefined where it was not given. */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UsageError(`--${name} needs a number, not '${text}'`);
}
