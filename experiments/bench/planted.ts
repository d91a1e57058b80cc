import { fold, key, load, normalise, uniformNumbers } from 'trainbook';
import { wordsOf } from './exact-clusters.js';

/**
 * A corpus in which near-duplicates are planted: passages of our data sets, of 60 to 600 words, and of each third of them one to three copies of
 * which each has from 1% to 30% of its words replaced, left out or added. The same texts each time.
 */
export async function plantedTexts(numPassages: number): Promise<readonly string[]> {
  const corpora = await Promise.all(
    ['brown', 'shakespeare', 'zh_classics'].map((name) => load(name).through(normalise())),
  );
  // One text after the other of each data set in turn, so that few passages are of all.
  const longest = Math.max(...corpora.map(({ documents }) => documents.length));
  const sources = Array.from({ length: longest }, (_, index) =>
    corpora.flatMap(({ documents }) => documents[index]?.text.split(/(?<=\s)/u) ?? []),
  );
  const random = numbersOf('passages');
  const passages: string[][] = [];
  for (const words of sources) {
    for (let start = 0; start < words.length && passages.length < numPassages;) {
      const length = 60 + Math.floor(random() * 540);
      const passage = words.slice(start, start + length);
      // Chinese is not spaced: its lines count as words here, and are taken where there are characters enough.
      if (wordsOf(passage.join('')).length >= 40) passages.push(passage);
      start += length;
    }
  }
  const vocabulary = passages.slice(0, 50).flat();
  return passages.flatMap((passage, index) => {
    const numCopies = index % 3 === 0 ? 1 + Math.floor(random() * 3) : 0;
    const copies = Array.from({ length: numCopies }, () => edited(passage, 0.01 + random() * 0.29, vocabulary, random));
    return [passage, ...copies].map((words) => words.join('').trim());
  });
}

function edited(
  words: readonly string[],
  share: number,
  vocabulary: readonly string[],
  random: () => number,
): readonly string[] {
  return words.flatMap((word) => {
    if (random() >= share) return [word];
    const other = vocabulary[Math.floor(random() * vocabulary.length)] ?? word;
    const kind = random();
    return kind < 1 / 3 ? [other] : kind < 2 / 3 ? [] : [word, other];
  });
}

/** Numbers in [0, 1), one after the other. */
function numbersOf(name: string): () => number {
  let [block, at] = [0, 0];
  let numbers: Float64Array = new Float64Array(0);
  return () => {
    if (at === numbers.length) {
      numbers = uniformNumbers(fold(fold(key(0), name), block++), 4096);
      at = 0;
    }
    return numbers[at++] ?? 0;
  };
}
