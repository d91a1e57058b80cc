import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashFile } from '../../../files.js';
import type { Cursor } from '../cursor.js';
import type { MlflowClient } from './client.js';
import type { RemoteRun } from './run.js';

/** Bytes of a file that goes with a run; weights are sent on request alone. */
const largest = 20_000_000;
/** What of a run's folder is sent otherwise, or concerns this machine alone. */
const kept = new Set(['metrics.jsonl', 'status.json']);
const folders = ['stages', 'figures'];

/** The files of a run's folder that go with it: its records, summaries, figures and report, by their place in the folder. */
export async function filesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const part of ['', ...folders]) {
    for (const entry of await readdir(join(folder, part), { withFileTypes: true }).catch(() => [])) {
      const name = part === '' ? entry.name : `${part}/${entry.name}`;
      if (!entry.isFile() || entry.name.startsWith('.') || entry.name.endsWith('.tmp') || kept.has(name)) continue;
      if ((await stat(join(folder, name))).size <= largest) found.push(name);
    }
  }
  return found.sort();
}

/** Where below the server's artifacts a run's lie; undefined where the server does not take them for us. */
export function artifactRoot(run: RemoteRun): string | undefined {
  const [, path] = /^mlflow-artifacts:\/(?:\/[^/]*\/)?(.*)$/u.exec(run.artifacts) ?? [];
  return path?.replace(/^\/+/u, '');
}

/** Uploads files below a folder, those alone whose bytes are not there yet. Gives how many could not be sent. */
export async function sendFiles(
  client: MlflowClient,
  run: RemoteRun,
  cursor: Cursor,
  folder: string,
  files: readonly string[],
  place = '',
): Promise<number> {
  const root = artifactRoot(run);
  if (root === undefined) return files.length;
  for (const file of files) {
    const path = join(folder, file);
    const target = [root, place, file].filter((part) => part !== '').join('/');
    await cursor.once(`file ${place}${place === '' ? '' : '/'}${file}`, await hashFile(path), () =>
      client.upload(target, path),
    );
  }
  return 0;
}
