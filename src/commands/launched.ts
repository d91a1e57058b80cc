/**
 * What `trainbook launch` starts for each member: it runs the script as if Node had been given it, and ends with the launcher. A file that
 * exports an experiment is run as by `trainbook run`, all members together.
 *
 * node launched.js script.ts arguments…
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ArgsDef, runCommand } from 'citty';
import { register } from 'tsx/esm/api';
import { TrainbookError } from '../error.js';
import { isExperiment } from '../experiment/experiment.js';
import { run } from './run.js';
import { checkUsage, UsageError } from './usage.js';

const [script = '', ...args] = process.argv.slice(2);
const path = resolve(script);
process.argv = [process.execPath, path, ...args];

// a launcher that was killed takes its members along
process.on('disconnect', () => process.exit(1));
process.channel?.unref();

// from sources, tsx runs already
if (import.meta.url.endsWith('.js')) register({ tsconfig: false });
try {
  const { default: exported } = (await import(pathToFileURL(path).href)) as { default?: unknown };
  if (isExperiment(exported)) {
    const words = [path, ...args];
    checkUsage(run.args as ArgsDef, words);
    process.exitCode = Number((await runCommand(run, { rawArgs: words })).result);
  }
} catch (error) {
  const isUsers = error instanceof TrainbookError || error instanceof UsageError;
  const text = isUsers ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text ?? ''}\n`);
  process.exit(1);
}
