import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative, sep } from 'node:path';
import { copyTfjsNode } from './tfjs-node.mjs';
import { Stop } from './stop.mjs';

/** All files of `src/` and of what decides how they are compiled, in a fixed order. @param {string} root */
function sources(root) {
  const files = [
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
    join('bin', 'build.mjs'),
    join('bin', 'tfjs-node.mjs'),
  ];
  const walk = (/** @type {string} */ folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else files.push(path);
    }
  };
  walk('src');
  return files.sort();
}

/** A hash of the sources' names and contents: times of files say nothing after a checkout. @param {string} root */
export function sourceHash(root) {
  const hash = createHash('sha256');
  for (const path of sources(root))
    hash
      .update(path.split(sep).join('/'))
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0');
  return hash.digest('hex').slice(0, 32);
}

/** Whether `dist/` was built from the present sources. @param {string} root @param {string} hash */
export function isBuilt(root, hash) {
  const stamp = join(root, 'dist', 'build.json');
  return existsSync(stamp) && JSON.parse(readFileSync(stamp, 'utf8')).sources === hash;
}

/**
 * Compiles `src/` to `dist/`, with the CommonJS and data files of `src/` and tfjs-node's JavaScript layer. Built beside and
 * renamed: a running process never meets half a `dist/`.
 * @param {string} root
 * @param {(line: string) => void} say
 */
export async function build(root, say) {
  const hash = sourceHash(root);
  if (isBuilt(root, hash)) return;
  say('Build: compiling src to dist (about 10 s)');
  const beside = join(root, `dist.building-${process.pid}`);
  const old = join(root, `dist.old-${process.pid}`);
  try {
    await compile(root, beside);
    for (const path of sources(root)) if (path.startsWith(`src${sep}`) && isCopied(path)) copy(root, path, beside);
    copyTfjsNode(root, join(beside, 'tfjs-node'));
    writeFileSync(join(beside, 'build.json'), `${JSON.stringify({ format: 1, sources: hash })}\n`);
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
    renameSync(beside, join(root, 'dist'));
  } finally {
    rmSync(beside, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

/** Everything in `src/` that the compiler does not write itself. @param {string} path */
function isCopied(path) {
  return !['.ts', '.cts', '.mts', '.md'].includes(extname(path));
}

/** @param {string} root @param {string} path @param {string} to */
function copy(root, path, to) {
  const target = join(to, relative('src', path));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(root, path), target);
}

/** @param {string} root @param {string} to */
function compile(root, to) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', to, '--pretty', 'false'], {
      cwd: root,
    });
    let output = '';
    const keep = (/** @type {Buffer} */ chunk) => (output += chunk.toString('utf8'));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve(undefined);
      const lines = output.trim().split('\n');
      const received = [...lines.slice(0, 8), ...(lines.length > 8 ? [`… ${lines.length - 8} more lines`] : [])].join(
        '\n            ',
      );
      reject(
        new Stop({
          what: 'build: src does not compile',
          received,
          fix: 'mend the types; npm run check shows them all',
        }),
      );
    });
  });
}
