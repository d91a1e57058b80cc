import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand, renderUsage, runCommand } from 'citty';
import { descend, resolve } from './commands/subcommands.js';
import { checkUsage, type Command, UsageError } from './commands/usage.js';
import { TrainbookError } from './error.js';
import { isClone, packageRoot } from './setup/project.js';

type LoadCommand = () => Promise<Command>;

/** In the order of a user's way; each loads when it is called, or named by `--help`. */
const everywhere: Readonly<Record<string, LoadCommand>> = {
  setup: () => import('./commands/setup.js').then(({ setup }) => setup as Command),
  doctor: () => import('./commands/doctor.js').then(({ doctor }) => doctor as Command),
  lab: () => import('./commands/lab.js').then(({ lab }) => lab as Command),
  data: () => import('./commands/data.js').then(({ data }) => data as Command),
  label: () => import('./commands/label.js').then(({ label }) => label as Command),
  new: () => import('./commands/new.js').then(({ newExperiment }) => newExperiment as Command),
  plan: () => import('./commands/plan.js').then(({ plan }) => plan as Command),
  run: () => import('./commands/run.js').then(({ run }) => run as Command),
  ablate: () => import('./commands/ablate.js').then(({ ablate }) => ablate as Command),
  launch: () => import('./commands/launch.js').then(({ launch }) => launch as Command),
  chat: () => import('./commands/chat.js').then(({ chat }) => chat as Command),
  reproduce: () => import('./commands/reproduce.js').then(({ reproduce }) => reproduce as Command),
  send: () => import('./commands/send.js').then(({ send }) => send as Command),
  report: () => import('./commands/report.js').then(({ report }) => report as Command),
  runs: () => import('./commands/runs.js').then(({ runs }) => runs as Command),
  store: () => import('./commands/store.js').then(({ store }) => store as Command),
  sql: () => import('./commands/sql.js').then(({ sql }) => sql as Command),
  watch: () => import('./commands/watch.js').then(({ watch }) => watch as Command),
  notebooks: () => import('./commands/notebooks.js').then(({ notebooks }) => notebooks as Command),
};

/** What `npm start` and `npm test` of a clone call. */
const inClone: Readonly<Record<string, LoadCommand>> = {
  start: () => import('./commands/start.js').then(({ start }) => start as Command),
  test: () => import('./commands/test.js').then(({ test }) => test as Command),
};

/** Where the benchmarks are: in a clone, and in what `bench --package` writes. */
const withBenchmarks: Readonly<Record<string, LoadCommand>> = {
  bench: () => import('./commands/bench.js').then(({ bench }) => bench as Command),
};

/** Commands that hand all their arguments to another program, so that we do not judge them. */
const passesThrough = new Set(['test']);

/** Commands that hand what follows `--` to a script. */
const handsOn = new Set(['launch']);

function version(): string {
  const { version: found } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  return found;
}

/**
 * Runs the command `trainbook`.
 *
 * @param rawArgs the words after `trainbook`
 * @returns the exit code: 0 success, 1 failure, 2 wrong usage
 */
export async function main(rawArgs: readonly string[]): Promise<number> {
  const commands = {
    ...everywhere,
    ...(isClone() && inClone),
    ...(existsSync(join(packageRoot, 'experiments', 'bench')) && withBenchmarks),
  };
  const root = defineCommand({
    meta: { name: 'trainbook', version: version(), description: 'Train large models in TypeScript, step by step' },
    subCommands: commands,
  }) as Command;
  const [name, ...words] = rawArgs;
  let command: Command | undefined;
  let parent: Command = root;
  try {
    if (name === undefined) throw new UsageError('which command?');
    if (name === '--version' || name === '-v') return print(version());
    if (name === '--help' || name === '-h') return print(await renderUsage(root));
    command = await commands[name]?.();
    if (command === undefined) throw new UsageError(`unknown command: ${name}`);
    const below = await descend(command, parent, words);
    ({ command, parent } = below);
    const { rest } = below;
    const border = handsOn.has(name) && rest.includes('--') ? rest.indexOf('--') : rest.length;
    const own = rest.slice(0, border);
    if (!passesThrough.has(name) || own[0] === '--help') {
      if (own.includes('--help') || own.includes('-h')) return print(await renderUsage(command, parent));
      checkUsage((await resolve(command.args)) ?? {}, own);
    }
    const { result } = await runCommand(command, { rawArgs: own, data: rest.slice(border + 1) });
    return typeof result === 'number' ? result : 0;
  } catch (error) {
    if (error instanceof UsageError || (error instanceof Error && error.name === 'CLIError')) {
      const usage = command === undefined ? await renderUsage(root) : await renderUsage(command, parent);
      process.stderr.write(`${usage}\n\n${error.message}\n`);
      return 2;
    }
    const shown =
      error instanceof Error && !(error instanceof TrainbookError) ? (error.stack ?? error.message) : undefined;
    process.stderr.write(`${shown ?? (error instanceof Error ? error.message : String(error))}\n`);
    return 1;
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
