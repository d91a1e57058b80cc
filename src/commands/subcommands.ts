import { defineCommand, type Resolvable } from 'citty';
import { type Command, UsageError } from './usage.js';

/** A command that was found, what it is called under, and the words that are left for it. */
export interface Below {
  readonly command: Command;
  readonly parent: Command;
  readonly rest: readonly string[];
}

/**
 * Follows the words of a command line down into subcommands: `runs compare a b`. Where no word names one, the command's
 * `default` is meant, but for `--help`, which is about all of them.
 *
 * @throws UsageError for a word that names none
 */
export async function descend(command: Command, parent: Command, words: readonly string[]): Promise<Below> {
  const subcommands = await resolve(command.subCommands);
  if (subcommands === undefined) return { command, parent, rest: words };
  const [first, ...others] = words;
  const isWord = first !== undefined && !first.startsWith('-');
  const usual = await resolve(command.default);
  const name = isWord ? first : usual;
  if (!isWord && words.some((word) => word === '--help' || word === '-h')) return { command, parent, rest: ['--help'] };
  if (name === undefined) throw new UsageError(`which of ${Object.keys(subcommands).join(', ')}?`);
  const found = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (found === undefined) {
    throw new UsageError(`unknown command: ${name}; there are ${Object.keys(subcommands).join(', ')}`);
  }
  const [meta, parentMeta] = [await resolve(command.meta), await resolve(parent.meta)];
  const path = defineCommand({ meta: { ...parentMeta, name: `${parentMeta?.name ?? ''} ${meta?.name ?? ''}`.trim() } });
  return descend((await resolve(found)) as Command, path, isWord ? others : words);
}

/** What citty lets be a value, a promise of it, or a function of either. */
export async function resolve<T>(value: Resolvable<T>): Promise<T> {
  return typeof value === 'function' ? await (value as () => T | Promise<T>)() : await value;
}
