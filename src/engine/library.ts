import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** The TensorFlow release whose library our set-up fetches. */
export const tensorflowVersion = '2.21.0';

/** The two files of TensorFlow that hold its C API; `cc` needs `framework`, which is loaded first. */
export interface LibraryFiles {
  readonly cc: string;
  readonly framework: string;
}

/** A libtensorflow on disk that is whole as far as a look at its files can tell. */
export interface Library extends LibraryFiles {
  readonly folder: string;
  readonly source: LibrarySource;
  /** The release, where the folder says it. */
  readonly version?: string;
}

export type LibrarySource = 'TRAINBOOK_LIBTENSORFLOW' | 'set-up' | 'python environment';

/** A place that was looked at, and why no library was taken from it. */
export interface RejectedLibrary {
  readonly source: LibrarySource;
  readonly folder: string;
  readonly reason: string;
}

export interface LibrarySearch {
  readonly library?: Library;
  readonly rejected: readonly RejectedLibrary[];
}

/** What the search depends on; tests and other machines' questions pass their own. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly home: string;
}

/** This process's environment variables, operating system and processor. */
export function surroundings(): Surroundings {
  return { environment: process.env, platform: process.platform, arch: process.arch, home: homedir() };
}

/** `manifest.json` beside the library: written last by the set-up, so that a folder with one is whole. */
export const libraryManifest = z.object({
  format: z.literal(1),
  version: z.string(),
  wheel: z.object({ name: z.string(), sha256: z.string() }),
  files: z.array(z.object({ name: z.string(), bytes: z.number().int(), sha256: z.string() })),
});

export type LibraryManifest = z.infer<typeof libraryManifest>;

/** The names of the two files, or undefined for a system whose wheels do not hold them. */
export function libraryFiles(platform: NodeJS.Platform): LibraryFiles | undefined {
  if (platform === 'linux') return { cc: 'libtensorflow_cc.so.2', framework: 'libtensorflow_framework.so.2' };
  if (platform === 'darwin') return { cc: 'libtensorflow_cc.2.dylib', framework: 'libtensorflow_framework.2.dylib' };
  return undefined;
}

/**
 * The folder that trainbook keeps once per user, shared by clones and projects: `TRAINBOOK_CACHE`, or `trainbook` in the
 * folder that the system has for caches.
 */
export function cacheFolder({ environment, platform, home }: Surroundings = surroundings()): string {
  const own = environment['TRAINBOOK_CACHE'];
  if (own !== undefined && own !== '') return own;
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'trainbook');
  if (platform === 'win32') return join(environment['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'trainbook');
  const xdg = environment['XDG_CACHE_HOME'];
  return join(xdg === undefined || xdg === '' ? join(home, '.cache') : xdg, 'trainbook');
}

/** Where the set-up keeps the library of this release and kind of machine. */
export function setUpLibraryFolder(around: Surroundings = surroundings()): string {
  return join(cacheFolder(around), 'libtensorflow', `${tensorflowVersion}-${around.platform}-${around.arch}`);
}

/**
 * Finds libtensorflow: the folder that `TRAINBOOK_LIBTENSORFLOW` names (`none`: no folder), then the one of our set-up, then the TensorFlow
 * of an active Python environment (`VIRTUAL_ENV`, `CONDA_PREFIX`). A place that is named but does not hold the library is
 * reported in `rejected`. Nothing is loaded: a few `stat` calls.
 *
 * @example
 * const { library, rejected } = searchLibrary();
 */
export function searchLibrary(around: Surroundings = surroundings()): LibrarySearch {
  const rejected: RejectedLibrary[] = [];
  const named = around.environment['TRAINBOOK_LIBTENSORFLOW'];
  if (named === 'none')
    return { rejected: [{ source: 'TRAINBOOK_LIBTENSORFLOW', folder: named, reason: 'it is not wanted' }] };
  for (const { source, folder } of candidates(around)) {
    const found = inspect(folder, source, around.platform);
    if (typeof found !== 'string') return { library: found, rejected };
    rejected.push({ source, folder, reason: found });
  }
  return { rejected };
}

/** The library that `searchLibrary` takes, or undefined. */
export function findLibrary(around: Surroundings = surroundings()): Library | undefined {
  return searchLibrary(around).library;
}

function* candidates(around: Surroundings): Generator<{ source: LibrarySource; folder: string }> {
  const named = around.environment['TRAINBOOK_LIBTENSORFLOW'];
  if (named !== undefined && named !== '') {
    const inside = join(named, 'tensorflow');
    const files = libraryFiles(around.platform);
    const unpackedWheel =
      files !== undefined && !existsSync(join(named, files.cc)) && existsSync(join(inside, files.cc));
    yield { source: 'TRAINBOOK_LIBTENSORFLOW', folder: unpackedWheel ? inside : named };
  }
  yield { source: 'set-up', folder: setUpLibraryFolder(around) };
  for (const variable of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const prefix = around.environment[variable];
    if (prefix === undefined || prefix === '') continue;
    for (const sitePackages of sitePackagesOf(prefix)) {
      const folder = join(sitePackages, 'tensorflow');
      if (existsSync(folder)) yield { source: 'python environment', folder };
    }
  }
}

/** `<prefix>/lib/python3.12/site-packages` for each Python that the environment has. */
export function sitePackagesOf(prefix: string): string[] {
  const lib = join(prefix, 'lib');
  if (!existsSync(lib)) return [];
  return readdirSync(lib)
    .filter((name) => /^python3\.\d+$/.test(name))
    .map((name) => join(lib, name, 'site-packages'))
    .filter((folder) => existsSync(folder));
}

/** The library in `folder`, or the reason why there is none. */
function inspect(folder: string, source: LibrarySource, platform: NodeJS.Platform): Library | string {
  const names = libraryFiles(platform);
  if (names === undefined) return `TensorFlow's packages for ${platform} do not hold its C library`;
  if (!existsSync(folder)) return source === 'set-up' ? 'not set up yet' : 'the folder does not exist';
  const files = { cc: join(folder, names.cc), framework: join(folder, names.framework) };
  for (const path of [files.cc, files.framework]) {
    const size = fileSize(path);
    if (size === undefined) return `${path} is missing`;
    if (size === 0) return `${path} is empty`;
  }
  const library = { folder, source, ...files };
  if (source !== 'set-up') return { ...library, ...installedVersion(folder) };
  const manifest = readManifest(folder);
  if (manifest === undefined)
    return `the set-up did not finish: ${join(folder, 'manifest.json')} is missing or damaged`;
  const damaged = manifest.files.find(({ name, bytes }) => fileSize(join(folder, name)) !== bytes);
  if (damaged !== undefined) return `${join(folder, damaged.name)} is damaged: it should have ${damaged.bytes} bytes`;
  return { ...library, version: manifest.version };
}

/** The manifest of a library that the set-up wrote, or undefined where it is missing or damaged. */
export function readManifest(folder: string): LibraryManifest | undefined {
  try {
    const parsed = libraryManifest.safeParse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // missing, or not JSON: both mean that the set-up has to run again
  }
}

function fileSize(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true ? found.size : undefined;
}

/** pip writes the version beside the package: `site-packages/tensorflow_cpu-2.21.0.dist-info`. */
function installedVersion(folder: string): { version?: string } {
  const names = readdirSync(join(folder, '..'));
  const version = names
    .map((name) => /^tensorflow(?:_cpu)?-([\d.]+)\.dist-info$/.exec(name)?.[1])
    .find((found) => found !== undefined);
  return version === undefined ? {} : { version };
}
