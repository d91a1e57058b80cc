#!/usr/bin/env node
/**
 * The command `trainbook`. In a clone it first installs the Node packages and builds `dist/` where they are missing or
 * older than their sources; in an installed package both are there. Then `dist/cli.js` takes over. This file and its
 * neighbours are plain JavaScript without packages: they run on a machine that has only Node.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkNode } from './node-version.mjs';
import { Stop } from './stop.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

async function prepareClone() {
  const { build, isBuilt, sourceHash } = await import('./build.mjs');
  const { installPackages, packagesReady } = await import('./packages.mjs');
  if (packagesReady(root) && isBuilt(root, sourceHash(root))) return;
  const { withLock } = await import('./lock.mjs');
  await withLock(
    join(tmpdir(), `trainbook-${createHash('sha256').update(root).digest('hex').slice(0, 16)}.lock`),
    async () => {
      await installPackages(root, say);
      await build(root, say);
    },
    (owner) => say(`waiting for the set-up of ${owner}`),
  );
}

try {
  checkNode(process.versions.node);
  if (existsSync(join(root, 'src', 'cli.ts')) && existsSync(join(root, 'tsconfig.build.json'))) await prepareClone();
  const { main } = await import('../dist/cli.js');
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  say(error.message);
  process.exitCode = 1;
}
