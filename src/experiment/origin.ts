import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where an experiment was written: the files on the call stack, and whether a notebook's cell (no file) was among them. */
export interface Origin {
  readonly files: readonly string[];
  readonly inCell: boolean;
  /** When the experiment was made of them, in ms since 1970: files that change later are not the code that this process runs. */
  readonly loadedAt?: number;
}

/** The folder of trainbook's own code: `src/` or `dist/`. */
export const buildFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** The command's own file: it may be on the stack of what it runs, or not. */
const commandFolder = join(dirname(buildFolder), 'bin');

function callSites(): readonly NodeJS.CallSite[] {
  const { stackTraceLimit } = Error;
  const prepare: unknown = Reflect.get(Error, 'prepareStackTrace');
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = 200;
    // Call sites name the code that runs; a stack's text may be mapped back to sources that are not what runs.
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.captureStackTrace(holder, callSites);
    return Array.isArray(holder.stack) ? (holder.stack as NodeJS.CallSite[]) : [];
  } finally {
    Reflect.set(Error, 'prepareStackTrace', prepare);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function fileOf(name: string): string | undefined {
  const path = name.startsWith('file:') ? fileURLToPath(name.replace(/[?#].*$/u, '')) : name.replace(/\?.*$/u, '');
  return existsSync(path) ? path : undefined;
}

/**
 * The users' files on the present call stack, all of them: an experiment may be begun in one file and continued in
 * another. Frames of Node, of packages and of trainbook itself are left out.
 */
export function whereCalled(): Origin {
  const files = new Set<string>();
  let inCell = false;
  for (const site of callSites()) {
    const name = site.getFileName();
    // What lies beyond a module's own code is who imported it: a command, a worker, a notebook. The module is the same for all.
    if (typeof name === 'string' && name.startsWith('node:internal/modules/esm/')) break;
    if (typeof name !== 'string' || name === '' || name.startsWith('node:')) continue;
    const file = fileOf(name);
    if (file === undefined) inCell = true;
    else if (!isOwn(file)) files.add(file);
  }
  return { files: [...files].sort(), inCell: inCell || files.size === 0, loadedAt: Date.now() };
}

function isOwn(file: string): boolean {
  return (
    [buildFolder, commandFolder].some((own) => file.startsWith(own + sep)) || file.split(sep).includes('node_modules')
  );
}

export function joinOrigins(a: Origin, b: Origin): Origin {
  const loadedAt = a.loadedAt ?? b.loadedAt;
  return {
    files: [...new Set([...a.files, ...b.files])].sort(),
    inCell: a.inCell || b.inCell,
    ...(loadedAt === undefined ? {} : { loadedAt }),
  };
}
