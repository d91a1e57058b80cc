import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readAblation } from './cells.js';
import type { AblationRecord } from './record.js';

const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch((): string[] => [])).filter((name) => !name.startsWith('.')).sort();

/** All ablations below a folder of runs, by name and then from the oldest; what cannot be read is passed over. */
export async function listAblations(runsFolder: string): Promise<AblationRecord[]> {
  const root = join(runsFolder, 'ablations');
  const found: AblationRecord[] = [];
  for (const name of await namesIn(root)) {
    for (const id of await namesIn(join(root, name))) {
      const record = await readAblation(join(root, name, id)).catch(() => undefined);
      if (record !== undefined) found.push(record);
    }
  }
  return found;
}
