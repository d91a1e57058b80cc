import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Where the engine enters tfjs-node's JavaScript layer; all else that is copied is required from these. */
const entries = ['nodejs_kernel_backend.js', 'register_all_kernels.js', 'proto/api_pb.js'];

/**
 * Copies the JavaScript of @tensorflow/tfjs-node-gpu that the engine needs into `to`, with a package.json that keeps its
 * licence and says that the files are CommonJS. So the packed trainbook does not depend on a package whose installer
 * downloads a library.
 * @param {string} root
 * @param {string} to
 */
export function copyTfjsNode(root, to) {
  const packageFolder = join(root, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
  const from = join(packageFolder, 'dist');
  for (const path of required(from)) {
    const target = join(to, relative(from, path));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target);
  }
  const { name, version, license, repository } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  const described = { name, version, license, repository, type: 'commonjs', private: true };
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(described, null, 2)}\n`);
  // tfjs-node ships no licence file; TypeScript's is the same text, the Apache License 2.0
  cpSync(join(root, 'node_modules', 'typescript', 'LICENSE.txt'), join(to, 'LICENSE'));
}

/** The entry files and all files that they require, transitively. @param {string} from */
function required(from) {
  const found = new Set(entries.map((entry) => join(from, entry)));
  for (const path of found) {
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(/require\(["'](\.[^"']*)["']\)/g)) {
      const target = join(dirname(path), name);
      const file = [target, `${target}.js`, join(target, 'index.js')].find(
        (candidate) => candidate.endsWith('.js') && existsSync(candidate),
      );
      if (file === undefined) throw new Error(`${path} requires ${name}, which is not there`);
      found.add(file);
    }
  }
  return found;
}
