import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TrainbookError } from '../../../src/error.js';
import { findPlugin } from '../../../src/engine/pjrt/find-plugin.js';
import { installCpuPlugin } from '../../../src/engine/pjrt/plugin.js';
import { PjrtClient } from '../../../src/engine/pjrt/runtime.js';

// Test files may share a process, in which the client of `cpu:N` is made once, and what was compiled is kept until it ends.
process.env['TRAINBOOK_CPU_DEVICES'] ??= '8';
if (process.env['TRAINBOOK_EXECUTABLE_CACHE'] === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'trainbook-executables-'));
  process.env['TRAINBOOK_EXECUTABLE_CACHE'] = folder;
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
}

/** The plugin that tests run on: fetched once per user; without it the reason, which is the reason of the skip. */
export const plugin: { readonly path?: string; readonly reason: string } = await locate();

async function locate(): Promise<{ path?: string; reason: string }> {
  try {
    return { path: findPlugin('cpu')?.path ?? (await installCpuPlugin()), reason: 'there' };
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    return { reason: error.message };
  }
}

let shared: PjrtClient | undefined;

/** One client for all tests of a process. */
export function testClient(): PjrtClient {
  if (plugin.path === undefined) throw new Error(plugin.reason);
  shared ??= PjrtClient.create(plugin.path, { cpu_device_count: 1 });
  return shared;
}
