// Bundles the suite and runs it: `node run.mjs FOLDER_FOR_THE_BUNDLE`. The last line of its output is JSON.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { build } from 'esbuild';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const outfile = resolve(process.argv[2], 'suite.mjs');
await build({
  entryPoints: [here('suite.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  mainFields: ['module', 'main'],
  ignoreAnnotations: true, // tfjs-core marks its tests as free of side effects
  alias: { '@tensorflow/tfjs': here('one-tfjs.ts') },
  external: ['koffi', 'jasmine', 'typescript'],
  nodePaths: [here('../../../node_modules')],
  logLevel: 'error',
  banner: {
    js: "import{createRequire as __makeRequire}from'node:module';const require=__makeRequire(import.meta.url);const __dirname=import.meta.dirname;const __filename=import.meta.filename;",
  },
});
await import(pathToFileURL(outfile).href);
