import { TrainbookError } from '../../error.js';
import { findDataset, readDatasetFile } from '../dataset.js';
import { gunzip } from '../read/gunzip.js';

// {"id": "naughty_zh:3", "list": "naughty_zh", "language": "zh", "text": "三级片"}

/**
 * Lists of the data set `sensitive_words`: obscene words (`naughty_…`, the list of C4; `better_profanity_en`) and words of Chinese
 * advertisements. Licences: CC BY 4.0, MIT, Apache 2.0.
 */
export const sensitiveLists = [
  'naughty_en',
  'naughty_zh',
  'naughty_de',
  'better_profanity_en',
  'jionlp_advertisement_zh',
] as const;

export type SensitiveList = (typeof sensitiveLists)[number];

/**
 * The words of a list.
 *
 * @throws TrainbookError for a name that is none, or a changed data set.
 * @example
 * const words = await sensitiveList('naughty_zh');
 */
export async function sensitiveList(name: SensitiveList): Promise<readonly string[]> {
  const dataset = await findDataset('sensitive_words');
  const file = dataset?.card.files[0];
  if (dataset === undefined || file === undefined || !sensitiveLists.includes(name)) {
    throw new TrainbookError({
      what: 'no such list of sensitive words',
      received: name,
      expected: sensitiveLists.join(', '),
      fix: 'give words of your own as `words`',
    });
  }
  const lines = gunzip('sensitiveList', await readDatasetFile(dataset, file), file.file)
    .toString('utf8')
    .trim()
    .split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { readonly list: string; readonly text: string });
  return rows.filter(({ list }) => list === name).map(({ text }) => text);
}
