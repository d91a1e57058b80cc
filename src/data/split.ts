import { z } from 'zod';
import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { judged } from './corpus.js';
import type { Corpus, SplitCorpus } from './corpus.js';
import { compareText, countCharacters } from './document.js';
import { shuffled } from './mix/draw.js';

/** The schema of a fraction in a config: above 0 and below 1. */
export function fraction() {
  return z.number().gt(0).lt(1);
}

/**
 * Splits a corpus into a part to train on and a part to evaluate on, each document wholly in one of them: of each domain about
 * the fraction `heldOut` of its characters, drawn by key from the documents (not from their order). What one domain has too
 * much or too little for want of a document of the right size, the next makes up for.
 *
 * Shakespeare's works are documents as a whole, so a held-out play is one of which training saw no line: an honest score, and
 * a harder one than that of nanoGPT's split, whose held-out text is the end of the text trained on.
 *
 * @throws TrainbookError if the fraction is not between 0 and 1, or one of the parts would have no document.
 * @example
 * const { train, heldOut } = splitDocuments(corpus, 0.1, key);
 */
export function splitDocuments(corpus: Corpus, heldOut: number, key: Key): SplitCorpus {
  if (!(heldOut > 0 && heldOut < 1)) {
    throw new TrainbookError({
      what: 'splitDocuments: no such fraction',
      received: heldOut,
      expected: 'a number above 0 and below 1',
      fix: '0.1 is usual',
    });
  }
  const held = draw(corpus, heldOut, key);
  if (held.size === 0 || held.size === corpus.documents.length) {
    throw new TrainbookError({
      what: 'splitDocuments: one part would have no document',
      received: `${corpus.documents.length} documents, ${held.size} of them held out`,
      expected: 'documents in both parts',
      fix: 'give more documents, or another fraction',
    });
  }
  const part = (step: string, otherwise: string, mine: (position: number) => boolean): Corpus =>
    judged(
      corpus,
      step,
      corpus.documents.map((keep, position) => (mine(position) ? { keep } : { drop: otherwise })),
    );
  return {
    train: part('split', 'held out for evaluation', (position) => !held.has(position)),
    heldOut: part('split', 'trained on', (position) => held.has(position)),
  };
}

/** The positions to hold out. */
function draw({ documents }: Corpus, heldOut: number, key: Key): ReadonlySet<number> {
  const strata = new Map<string, number[]>();
  documents.forEach(({ source, domain }, position) => {
    // JSON keeps ('a', 'b:c') and ('a:b', 'c') apart.
    const stratum = JSON.stringify([source, domain]);
    const positions = strata.get(stratum);
    if (positions === undefined) strata.set(stratum, [position]);
    else positions.push(position);
  });
  const held = new Set<number>();
  let owed = 0;
  // Small domains first, so that they are not the ones that go without.
  const sized = [...strata].map(([stratum, positions]) => {
    return {
      stratum,
      positions,
      characters: countCharacters(positions.flatMap((position) => documents[position] ?? [])),
    };
  });
  sized.sort((a, b) => a.characters - b.characters || compareText(a.stratum, b.stratum));
  for (const { stratum, positions, characters } of sized) {
    owed += heldOut * characters;
    for (const position of shuffled(documents, positions, fold(key, stratum))) {
      const size = documents[position]?.text.length ?? 0;
      if (size / 2 > owed) break;
      held.add(position);
      owed -= size;
    }
  }
  // All documents are large for so small a fraction: one is held out all the same.
  if (held.size === 0) {
    const [first] = shuffled(documents, [...documents.keys()], fold(key, 'first'));
    if (first !== undefined) held.add(first);
  }
  return held;
}
