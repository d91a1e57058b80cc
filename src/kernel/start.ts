import { existsSync, readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';
import typescript from 'typescript';
import { asCompiler, compilerForTslab, mapsOf } from './compiler.js';
import { Executor, type Converter } from './executor.js';
import { serve, type JupyterModule } from './handler.js';
import { showStale, showValue } from './show.js';

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
  const { createConverter } = load('./converter.js') as { createConverter: (options: object) => Converter };
  const { getCodeMetadata } = load('./metadata.js') as { getCodeMetadata: (source: string) => { module?: string } };
  const jupyter = load('./jupyter.js') as JupyterModule;
  const executor = new Executor({
    folder: process.cwd(),
    converter: createConverter({ isJS: false, isBrowser: false }),
    ts: typescript,
    mapsOf,
    metadataOf: getCodeMetadata,
    tslab: () => load('./index.js') as unknown,
    showValue,
    showStale: (stale) => {
      showStale(jupyter, stale);
    },
  });
  process.on('SIGINT', () => {
    executor.interrupt();
  });
  // Of something that no cell waits for: the kernel goes on.
  const uncaught = (thrown: unknown): void => {
    console.error(`Not awaited, and failed: ${executor.describe(thrown)}`);
  };
  process.on('uncaughtException', uncaught);
  process.on('unhandledRejection', uncaught);
  serve(jupyter, executor, configPath);
}
