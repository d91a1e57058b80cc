import { existsSync, readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';
import typescript from 'typescript';
import { asCompiler, compilerForTslab } from './compiler.js';

interface TslabMain {
  startKernel: (options: {
    readonly configPath: string;
    readonly enableFindLocal: boolean;
    readonly jsKernel: boolean;
    readonly globalVersion: string;
  }) => void;
}

/** Every `node_modules/@types` from `folder` up to the root, nearest first. */
function typeRoots(folder: string): string[] {
  const here = join(folder, 'node_modules', '@types');
  const above = dirname(folder) === folder ? [] : typeRoots(dirname(folder));
  return existsSync(here) ? [here, ...above] : above;
}

/**
 * Puts stock TypeScript in the place of tslab's own copy and gives a `require` that loads the files of `tslab/dist`.
 *
 * @throws Error when the internals of tslab or TypeScript are not those that this kernel knows
 */
export function requireTslab(): NodeJS.Require {
  const tslabFolder = dirname(createRequire(import.meta.url).resolve('tslab/package.json'));
  const load = createRequire(join(tslabFolder, 'dist', 'main.js'));
  const converter = readFileSync(join(tslabFolder, 'dist', 'converter.js'), 'utf8');
  const place = load.resolve('@tslab/typescript-for-tslab');
  const replacement = new Module(place);
  replacement.exports = compilerForTslab(asCompiler(typescript), typeRoots, converter);
  replacement.loaded = true;
  load.cache[place] = replacement;
  return load;
}

/** Starts the kernel on the connection file that Jupyter wrote (`{connection_file}` of kernel.json). */
export function startKernel(configPath: string): void {
  const load = requireTslab();
  const { version } = load('../package.json') as { version: string };
  const tslab = load('./main.js') as TslabMain;
  tslab.startKernel({ configPath, enableFindLocal: false, jsKernel: false, globalVersion: version });
}
