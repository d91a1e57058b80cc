import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noteRead } from '../files.js';

// A stage may read files by Node's own functions. While stages run, those functions tell `noteRead` of each path; outside
// of a stage's call tree (an AsyncLocalStorage) that note goes nowhere. Native code that opens files itself is not seen:
// whoever calls it calls `noteRead`.

const observed = [
  [
    fs,
    [
      'readFile',
      'readFileSync',
      'createReadStream',
      'readdir',
      'readdirSync',
      'opendir',
      'opendirSync',
      'open',
      'openSync',
    ],
  ],
  [fs.promises, ['readFile', 'readdir', 'opendir', 'open']],
] as const;

let users = 0;
const undo: (() => void)[] = [];

function note(path: unknown, how: unknown): void {
  // A file that is opened to be written is no input.
  const flags: unknown = typeof how === 'object' && how !== null ? Reflect.get(how, 'flags') : how;
  if (typeof flags === 'string' && /[wax]/u.test(flags) && !/^utf/u.test(flags)) return;
  if (typeof path === 'string') noteRead(resolve(path));
  else if (path instanceof URL && path.protocol === 'file:') noteRead(fileURLToPath(path));
}

function wrap(owner: object, name: string): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') return;
  const wrapped = new Proxy(original, {
    apply: (target, self, args: unknown[]) => {
      note(args[0], name.startsWith('open') && !name.startsWith('opendir') ? args[1] : undefined);
      return Reflect.apply(target, self, args) as unknown;
    },
  });
  Reflect.set(owner, name, wrapped);
  undo.push(() => {
    if (Reflect.get(owner, name) === wrapped) Reflect.set(owner, name, original);
  });
}

/** From now on file reads are noted; gives what ends it. May be nested. */
export function observeFiles(): () => void {
  if (users++ === 0) {
    for (const [owner, names] of observed) for (const name of names) wrap(owner, name);
    syncBuiltinESMExports();
  }
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    if (--users > 0) return;
    for (const restore of undo.splice(0)) restore();
    syncBuiltinESMExports();
  };
}

/** Whether a path that was seen can be an input: not the system's, not of a package, not of the run records. */
export function mayBeInput(path: string, runsFolder: string, builds: readonly string[]): boolean {
  const inside = (folder: string): boolean => path === folder || path.startsWith(folder + sep);
  return ![runsFolder, '/proc', '/sys', '/dev', ...builds].some(inside) && !path.split(sep).includes('node_modules');
}
