import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { readRankings } from '../post-training/read-rankings.js';
import type { RankingRow } from '../post-training/read-rankings.js';
import { ofOtherSamples, readRankingLines } from './rankings-file.js';

/**
 * What all annotators of a folder say.
 *
 * @param samples The hash of the file of samples that they are to have judged.
 * @throws TrainbookError where there are no rankings, or those of another file of samples.
 */
export async function rankingsOfFolder(folder: string, samples: string): Promise<readonly RankingRow[]> {
  const names = await readdir(folder).catch(() => []);
  const paths = names
    .filter((name) => name.endsWith('.jsonl') && !name.startsWith('.'))
    .map((name) => join(folder, name));
  if (paths.length === 0) {
    throw new TrainbookError({
      what: 'label: there are no rankings yet',
      received: folder,
      expected: 'a folder with a file of rankings for each annotator',
      fix: 'judge some samples first, or name the folder by --out',
    });
  }
  for (const path of paths) {
    const { lines } = await readRankingLines(path);
    lines.forEach((line, index) => {
      if (line.samples.hash !== samples) throw ofOtherSamples(path, index, line, samples);
    });
  }
  return (await readRankings(paths)).rows;
}
