import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stop } from './stop.mjs';

/** What `node_modules` of a clone takes (measured: 1,120 MB). */
const neededMegabytes = 1250;

/** @param {string} root */
const stampPath = (root) => join(root, 'node_modules', '.trainbook-packages');

/** package-lock.json decides alone: npm ci stops where package.json asks for anything else. @param {string} root */
function wanted(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
    .slice(0, 32);
}

/** Whether `node_modules` was installed whole from the present package-lock.json. @param {string} root */
export function packagesReady(root) {
  const stamp = stampPath(root);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted(root);
}

/**
 * Installs the Node packages of a clone; the stamp is written last, so that an interrupted install is redone.
 * @param {string} root
 * @param {(line: string) => void} say
 */
export async function installPackages(root, say) {
  if (packagesReady(root)) return;
  // once installed whole, only what changed is installed; without the stamp nothing there can be trusted
  const isUpdate = existsSync(stampPath(root));
  if (!isUpdate) requireDisk(root);
  const stamp = wanted(root);
  const command = isUpdate ? 'install' : 'ci';
  say(`Node packages: npm ${command}${isUpdate ? '' : ` (about ${neededMegabytes} MB on disk, about a minute)`}`);
  const { code, output } = await npm(root, [command, '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) {
    throw new Stop({
      what: 'set-up: npm could not install the Node packages',
      received: output.trim().split('\n').slice(-6).join('\n            ') || `npm ended with code ${code}`,
      expected: `npm ${command} to succeed; it needs the npm registry`,
      fix: 'check the network (npm ping), then run the same command again',
    });
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stampPath(root), stamp);
}

/** @param {string} root */
function requireDisk(root) {
  const { bavail, bsize } = statfsSync(root);
  const freeMegabytes = Math.floor((bavail * bsize) / 1e6);
  if (freeMegabytes >= neededMegabytes) return;
  throw new Stop({
    what: 'set-up: not enough disk for the Node packages',
    received: `${freeMegabytes} MB free at ${root}`,
    expected: `${neededMegabytes} MB`,
    fix: 'free some disk, then run the same command again',
  });
}

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function npm(root, args) {
  return new Promise((resolve) => {
    // the npm beside this Node when npm started us; on Windows npm is a script that needs a shell
    const child = spawn('npm', args, {
      cwd: root,
      shell: process.platform === 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (/** @type {Buffer} */ chunk) => (output = (output + chunk.toString('utf8')).slice(-4000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ code: 1, output: `npm could not be started: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
