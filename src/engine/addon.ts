/**
 * The official addon: the native half of `@tensorflow/tfjs-node` and `tfjs-node-gpu`, a libtensorflow of its own behind the interface
 * that our binding has too. Its ops run natively one by one; functions are not compiled. It serves where our library does not load.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { quietly } from './capi.js';

export interface Addon {
  /** The addon's TFJSBinding. */
  readonly binding: object;
  readonly path: string;
}

const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** The first addon that is installed beside the project or beside trainbook, and loads. */
export function loadAddon(): Addon | undefined {
  const places = [pathToFileURL(join(process.cwd(), 'package.json')).href, import.meta.url];
  for (const require of places.map((place) => createRequire(place))) {
    for (const path of packages.flatMap((name) => addonFiles(require, name))) {
      try {
        return { binding: quietly(() => require(path) as object), path };
      } catch {
        // built for another system, or its libtensorflow is missing: as if it were not there
      }
    }
  }
  return undefined;
}

/** A package's built addons, `lib/napi-v8/tfjs_binding.node`, the newest interface first. */
function addonFiles(require: NodeJS.Require, name: string): string[] {
  let folder: string;
  try {
    folder = join(dirname(require.resolve(`${name}/package.json`)), 'lib');
  } catch {
    return [];
  }
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.startsWith('napi-v'))
    .sort()
    .reverse()
    .map((version) => join(folder, version, 'tfjs_binding.node'))
    .filter((path) => existsSync(path));
}
