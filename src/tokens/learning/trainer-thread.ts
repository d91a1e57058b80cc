/** What runs in the thread of `learnInThread`: counts the words of texts as they come, then learns. */
import { parentPort, workerData } from 'node:worker_threads';
import { TrainbookError } from '../../error.js';
import type { ErrorParts } from '../../error.js';
import { bytePairs } from './byte-pairs.js';
import type { Learner } from './learner.js';
import { unigram } from './unigram.js';
import { wordPieces } from './word-pieces.js';

const learners = { bytePairs, unigram, wordPieces };

export type Learners = typeof learners;
export type OptionsOf<Name extends keyof Learners> = Parameters<Learners[Name]['learn']>[1];
export type LearntBy<Name extends keyof Learners> = ReturnType<Learners[Name]['learn']>;

/** What the thread says: a batch is counted, so far is learnt, this is learnt, or the documents or options do not do. */
export type Reply =
  | { readonly counted: number }
  | { readonly share: number; readonly note: string }
  | { readonly learnt: unknown }
  | { readonly refused: Omit<ErrorParts, 'cause'> };

const { learner: name, options } = workerData as { readonly learner: keyof Learners; readonly options: unknown };
// The thread's owner gives the options that belong to the name: `learnInThread` has it in its types.
const learner = learners[name] as unknown as Learner<unknown, unknown>;
const counts = new Map<string, number>();
const reply = (message: Reply): void => parentPort?.postMessage(message);

parentPort?.on('message', (texts: readonly string[] | null) => {
  if (texts === null) learn();
  else {
    for (const text of texts) for (const word of learner.words(text, options)) count(word);
    reply({ counted: texts.length });
  }
});

function count(word: string): void {
  const before = counts.get(word);
  // A part of a long text would keep all of it in memory: a new word is copied.
  if (before === undefined) counts.set(word.length < 13 ? word : Buffer.from(word, 'utf16le').toString('utf16le'), 1);
  else counts.set(word, before + 1);
}

function learn(): void {
  let last = performance.now();
  try {
    const learnt = learner.learn(counts, options, (share, note) => {
      if (performance.now() - last < 50) return;
      last = performance.now();
      reply({ share, note });
    });
    reply({ learnt });
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    const { what, received, expected, fix } = error.parts;
    reply({ refused: { what, received, expected, fix } });
  }
}
