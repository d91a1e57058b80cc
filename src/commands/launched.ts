/**
 * What `trainbook launch` starts for each member: it runs the script as if Node had been given it, and ends with the launcher.
 *
 * node launched.js script.ts arguments…
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { register } from 'tsx/esm/api';
import { TrainbookError } from '../error.js';

const [script = '', ...args] = process.argv.slice(2);
const path = resolve(script);
process.argv = [process.execPath, path, ...args];

// a launcher that was killed takes its members along
process.on('disconnect', () => process.exit(1));
process.channel?.unref();

// from sources, tsx runs already
if (import.meta.url.endsWith('.js')) register({ tsconfig: false });
try {
  await import(pathToFileURL(path).href);
} catch (error) {
  const text = error instanceof TrainbookError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text ?? ''}\n`);
  process.exit(1);
}
