import { randomBytes } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from '../files.js';
import type { ExperimentDefinition } from './experiment.js';
import type { FileHashes } from './file-hashes.js';
import { buildFolder } from './origin.js';
import type { Origin } from './origin.js';

/** The identity of an experiment's code. */
export interface Code {
  /** Of all of it. */
  readonly hash: string;
  /** Of what the stage's result depends on. */
  ofStage(stage: string): string;
  /** What could not be followed: the code then counts as changed in every process. */
  readonly unknown: readonly string[];
  /** The hashes of the files that it is made of, by path from the project's folder; trainbook's own are not among them. */
  readonly files: Readonly<Record<string, string>>;
  /** The packages that it imports, with their versions. */
  readonly packages: readonly string[];
  /** The hash of trainbook's own code and of the packages that it computes with. */
  readonly build: string;
  /** Absolute paths of `files`. */
  readonly sources: readonly string[];
}

const sourceEndings = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs'];

/** The code that is hashed for a folder of code: what runs, so no type declarations or source maps. */
const buildEndings = ['.js', '.ts', '.mjs', '.cjs', '.cts', '.json'];

/** Stands in a list of imports for one whose file is known only when it runs: `import(name)`, `require(name)`. */
const computedImport = 'import(…)';

async function listImports(path: string): Promise<string[]> {
  if (!sourceEndings.includes(extname(path))) return [];
  const { default: ts } = await import('typescript'); // 0.4 s to load: only when a file changed
  const text = await readFile(path, 'utf8');
  const { importedFiles } = ts.preProcessFile(text, true, true);
  const found = importedFiles.map((file) => file.fileName);
  // A worker's file is code too: new Worker(new URL('./worker.js', import.meta.url))
  for (const [, name = ''] of text.matchAll(/new\s+URL\(\s*['"](\.{1,2}\/[^'"]+)['"]\s*,\s*import\.meta\.url/gu)) {
    found.push(name);
  }
  // Words in comments and texts are no calls: only a file that has them is parsed.
  if (/\b(?:import|require)\s*\(\s*[^'"\s)]/u.test(text)) {
    const visit = (node: import('typescript').Node): boolean =>
      (ts.isCallExpression(node) &&
        (node.expression.kind === ts.SyntaxKind.ImportKeyword ||
          (ts.isIdentifier(node.expression) && node.expression.text === 'require')) &&
        node.arguments[0] !== undefined &&
        !ts.isStringLiteralLike(node.arguments[0])) ||
      (ts.forEachChild(node, (child) => (visit(child) ? true : undefined)) ?? false);
    if (visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest))) found.push(computedImport);
  }
  return found;
}

/** The files that a relative import may mean: as written, with `.js` for `.ts`, with an ending, or a folder's index. */
function candidates(from: string, specifier: string): string[] {
  const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(dirname(from), specifier);
  const bare = path.replace(/\.([mc]?)jsx?$/u, '');
  const all = [
    path,
    ...sourceEndings.map((ending) => path + ending),
    ...sourceEndings.map((ending) => bare + ending),
    ...sourceEndings.map((ending) => join(path, `index${ending}`)),
  ];
  return [...new Set(all)].filter((file) => existsSync(file) && statSync(file).isFile());
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The folder of an installed package, looked for as Node does: in the `node_modules` of each folder upwards. */
function packageFolder(from: string, name: string): string | undefined {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return realpathSync(found);
    if (dirname(folder) === folder) return undefined;
  }
}

async function packageVersion(folder: string): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
  return `${String(name)}@${String(version)}`;
}

interface Graph {
  readonly files: Map<string, string>;
  readonly packages: Set<string>;
  readonly unknown: string[];
}

/**
 * The import graph of some files: local files by hash, followed to the end; packages by name and version, a package
 * that is linked in (not under node_modules) by the hash of its files. Imports of types count too: simple, and at worst
 * a stage runs again. What cannot be followed goes into `unknown`.
 */
async function importGraph(entries: readonly string[], hashes: FileHashes): Promise<Graph> {
  const graph: Graph = { files: new Map(), packages: new Set(), unknown: [] };
  const visitPackage = async (from: string, specifier: string): Promise<void> => {
    const name = packageName(specifier);
    if (isBuiltin(specifier) || name === 'trainbook') return;
    const folder = packageFolder(from, name);
    if (folder === undefined) graph.unknown.push(`${specifier} (imported by ${from})`);
    else if (folder.split(sep).includes('node_modules')) graph.packages.add(await packageVersion(folder));
    else graph.packages.add(`${name}@${await hashes.ofFolder(folder, buildEndings)}`);
  };
  const visit = async (file: string): Promise<void> => {
    if (graph.files.has(file) || file.startsWith(buildFolder + sep)) return;
    graph.files.set(file, (await hashes.of(file)) ?? 'missing');
    for (const specifier of await hashes.imports(file, listImports)) {
      if (specifier === computedImport) {
        graph.unknown.push(`an import whose file is not written out (in ${file})`);
        continue;
      }
      if (!/^(?:\.{1,2}(?:\/|$)|\/|file:)/u.test(specifier)) {
        await visitPackage(file, specifier);
        continue;
      }
      const found = candidates(file, specifier);
      if (found.length === 0) graph.unknown.push(`${specifier} (imported by ${file})`);
      for (const next of found) await visit(next);
    }
  };
  for (const entry of entries) await visit(entry);
  return graph;
}

/** The hash of trainbook's own code and of the versions of the packages that it computes with. */
export async function experimentBuild(hashes: FileHashes): Promise<string> {
  const own = await hashes.ofFolder(buildFolder, buildEndings);
  const manifest = join(dirname(buildFolder), 'package.json');
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(await readFile(manifest, 'utf8')) as {
    dependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
  };
  const names = Object.keys({ ...dependencies, ...peerDependencies }).sort();
  const folders = names.map((name) => packageFolder(manifest, name)).filter((folder) => folder !== undefined);
  return hash(JSON.stringify([own, await Promise.all(folders.map(packageVersion))]));
}

function relativeTo(root: string, path: string): string {
  return path.startsWith(root + sep) ? path.slice(root.length + 1).replaceAll(sep, '/') : path;
}

function originEntries(origin: Origin): string[] {
  return origin.files.map((file) => realpathSync(file));
}

/**
 * The code of an experiment: the import graph of the files that define it and trainbook's own build. Stages written in a
 * notebook's cell have the text of their function instead, each its own. In doubt (an import that cannot be
 * followed) the code is new in every process, so that every stage runs again.
 */
export async function experimentCode(
  experiment: ExperimentDefinition,
  hashes: FileHashes,
  root: string,
): Promise<Code> {
  const [build, graph] = await Promise.all([
    experimentBuild(hashes),
    importGraph(originEntries(experiment.origin), hashes),
  ]);
  const files = [...graph.files].map(([path, content]): [string, string] => [relativeTo(root, path), content]).sort();
  for (const path of graph.files.keys()) {
    if (await changedSince(path, experiment.origin.loadedAt)) {
      graph.unknown.push(`${path}, which was changed after this process had loaded it (start it again)`);
    }
  }
  const doubt = graph.unknown.length === 0 ? '' : randomBytes(8).toString('hex');
  const common = [build, files, [...graph.packages].sort(), doubt];
  const texts = new Map(
    experiment.stages.map(({ name, run }) => [name, experiment.origin.inCell ? String(run) : ''] as const),
  );
  return {
    hash: hash(JSON.stringify([common, [...texts]])),
    ofStage: (stage) => hash(JSON.stringify([common, texts.get(stage)])),
    unknown: graph.unknown,
    files: Object.fromEntries(files),
    packages: [...graph.packages].sort(),
    build,
    sources: [...graph.files.keys()],
  };
}

/** Whether a file is not any more what a process loaded: what runs is then not what stands there. */
async function changedSince(path: string, loadedAt: number | undefined): Promise<boolean> {
  if (loadedAt === undefined) return false;
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.mtimeMs > loadedAt;
}
