import { TrainbookError } from '../../error.js';
import { findDataset, readDatasetFile } from '../dataset.js';
import { gunzip } from '../read/gunzip.js';

/** Words that mean the same as a word, which is given in lower case; none where there are none. */
export type Thesaurus = (word: string) => readonly string[];

let loaded: Promise<Thesaurus> | undefined;

/**
 * Synonyms of English words from WordNet (Miller 1995, "WordNet: a lexical database for English"): the other words of the most frequent
 * set of synonyms that a word is in. A word alone does not say which of its senses is meant; the most frequent is the best guess.
 *
 * Only base forms are known: `banks` has none. Of phrases, such as `adult male`, all words come in.
 *
 * @example
 * const synonyms = await wordNet();
 * synonyms('dwelling'); // ['home', 'domicile', 'abode', …]
 */
export function wordNet(): Promise<Thesaurus> {
  loaded ??= load();
  return loaded;
}

// pos	words
// noun	dwelling|home|domicile|abode|habitation|dwelling house
async function load(): Promise<Thesaurus> {
  const dataset = await findDataset('wordnet');
  const file = dataset?.card.files[0];
  if (dataset === undefined || file === undefined) {
    throw new TrainbookError({ what: 'wordNet: the data set is not there', fix: 'install trainbook again' });
  }
  const text = gunzip('wordNet', await readDatasetFile(dataset, file), file.file).toString('utf8');
  const synonyms = new Map<string, readonly string[]>();
  for (const line of text.trimEnd().split('\n').slice(1)) {
    const words = line.split('\t')[1]?.split('|') ?? [];
    for (const word of words) {
      const name = word.toLowerCase();
      // Sets are in the order of their frequency.
      if (!synonyms.has(name)) {
        synonyms.set(
          name,
          words.filter((other) => other.toLowerCase() !== name),
        );
      }
    }
  }
  return (word) => synonyms.get(word) ?? [];
}
