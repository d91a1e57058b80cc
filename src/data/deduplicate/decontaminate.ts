import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { isCorpus } from '../corpus.js';
import type { Corpus } from '../corpus.js';
import type { Document } from '../document.js';
import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import { listInputs, readInput } from '../read/inputs.js';
import type { Source } from '../read/inputs.js';
import type { Verdict } from '../step.js';
import { NgramIndex } from './ngram-index.js';
import type { Passage } from './ngram-index.js';

export interface DecontaminateOptions {
  /** What must not be in the training text, such as the questions of a benchmark: what `load` reads, a corpus, or texts themselves. */
  readonly against: Source | Corpus | { readonly texts: readonly string[] };
  /** Words to an n-gram; 13 where nothing is said. Words as in `deduplicate`: without case and punctuation, Han and Kana by character. */
  readonly n?: number;
  /** A reference text of fewer than n words, but of so many, is looked for as a whole; 8 where nothing is said. Shorter ones are not looked for. */
  readonly minimumWords?: number;
  /** What is done with a document that shares an n-gram: dropped, which is what is done where nothing is said, or the shared passages cut out. */
  readonly action?: 'drop' | Cut;
  /** The share of a document's words that lie in shared n-grams from which it is dropped or cut. Where nothing is said, one n-gram is enough. */
  readonly minimumShare?: number;
}

/** How passages are cut out. */
export interface Cut {
  /** Characters taken with the passage on either side. */
  readonly margin: number;
  /** Pieces of fewer characters go, too. */
  readonly minimumPiece: number;
  /** A document in more pieces than these is dropped. */
  readonly maximumPieces: number;
}

/**
 * GPT-3's way (Brown et al. 2020, 2005.14165, appendix C): 13-grams, cut out with 200 characters on either side; pieces under 200
 * characters go, and documents in more than 10 pieces. Not done here: to pass over n-grams that more than 10 training documents have.
 *
 * @example
 * decontaminate({ against: 'benchmarks/*.jsonl', ...gpt3Decontamination });
 */
export const gpt3Decontamination = {
  n: 13,
  minimumWords: 8,
  action: { margin: 200, minimumPiece: 200, maximumPieces: 10 },
} as const satisfies Omit<DecontaminateOptions, 'against'>;

/**
 * The measure of Llama 3 (Grattafiori et al. 2024, 2407.21783, 5.1.4), there asked of evaluation texts: the share of words that lie in shared 8-grams; here a
 * document is dropped from a half on.
 *
 * @example
 * decontaminate({ against: 'benchmarks/*.jsonl', ...llama3Decontamination });
 */
export const llama3Decontamination = {
  n: 8,
  minimumWords: 8,
  action: 'drop',
  minimumShare: 0.5,
} as const satisfies Omit<DecontaminateOptions, 'against'>;

const optionsSchema = z.object({
  n: z.int().min(1),
  minimumWords: z.int().min(1),
  action: z.union([
    z.literal('drop'),
    z.strictObject({
      margin: z.number().min(0),
      minimumPiece: z.number().min(0),
      maximumPieces: z.int().min(1),
    }),
  ]),
  minimumShare: z.number().min(0).max(1),
});

type Chosen = z.infer<typeof optionsSchema>;

/**
 * Takes out training text that a reference set has, too, such as evaluation text, so that an evaluation measures what was learnt and not what was
 * seen. Documents that share a run of n words with a reference are dropped, or the shared passages cut out. The ledger says with
 * which reference document (by id), names the first shared run, and the share of the document's words that are in such runs.
 *
 * The reference is read when the first document is judged, and held as 4 bytes a word and 8 to 16 an n-gram. Shared runs are compared word by word.
 *
 * @throws TrainbookError for options that are none; when run, for a reference that cannot be read or has no n-gram.
 * @example
 * await load('web/*.jsonl.gz').through(decontaminate({ against: 'benchmarks/*.jsonl' }));
 * await load('books').through(decontaminate({ against: { texts: questions }, ...gpt3Decontamination }));
 */
export function decontaminate(options: DecontaminateOptions): LocalStep {
  const { against, ...rest } = options;
  const chosen = parse({ n: 13, minimumWords: 8, action: 'drop', minimumShare: 0, ...rest });
  let index: NgramIndex | Promise<NgramIndex> | undefined;
  const judge = (document: Document, ngrams: NgramIndex): Verdict =>
    verdictOf(document, ngrams.passagesIn(document.text), chosen);
  return localStep(
    'decontaminate',
    (document) => {
      if (index instanceof NgramIndex) return judge(document, index);
      index ??= readIndex(against, chosen).then((read) => (index = read));
      return index.then((read) => judge(document, read));
    },
    isCorpus(against)
      ? undefined
      : { module: import.meta.url, name: 'decontaminate', options: [{ against, ...chosen }] },
  );
}

async function readIndex(against: DecontaminateOptions['against'], { n, minimumWords }: Chosen): Promise<NgramIndex> {
  const index = new NgramIndex(n, minimumWords);
  for await (const { id, text } of referencesOf(against)) index.add(id, text);
  if (index.size === 0) {
    throw new TrainbookError({
      what: 'decontaminate: the reference has nothing to look for',
      received: `${index.numTexts} texts, none of ${Math.min(n, minimumWords)} words or more`,
      expected: 'at least one text that is long enough',
      fix: 'give a smaller n or minimumWords',
    });
  }
  return index;
}

async function* referencesOf(
  against: DecontaminateOptions['against'],
): AsyncGenerator<{ readonly id: string; readonly text: string }, undefined> {
  if (isCorpus(against)) yield* against.documents;
  else if (typeof against === 'object' && 'texts' in against) {
    for (const [number, text] of against.texts.entries()) yield { id: `text ${number}`, text };
  } else {
    for (const input of await listInputs(against)) {
      for await (const { document, verdict } of readInput(input)) if ('keep' in verdict) yield document;
    }
  }
}

function verdictOf(document: Document, passages: readonly Passage[], { action, minimumShare }: Chosen): Verdict {
  const [first] = passages;
  if (first === undefined) return { keep: document };
  const share = passages.reduce((sum, { numWords }) => sum + numWords, 0) / Math.max(1, first.numWordsOfText);
  if (share < minimumShare) return { keep: document, scores: { 'share in the reference': share } };
  const evidence = `“${shortened(document.text.slice(first.start, first.end))}”`;
  const dropped = { drop: 'in the reference', like: first.reference, score: share, evidence };
  if (action === 'drop') return dropped;
  const pieces = piecesOf(document.text, passages, action);
  if (pieces.length > action.maximumPieces) return { ...dropped, drop: 'in the reference too often to cut out' };
  if (pieces.length === 0) return { ...dropped, drop: 'in the reference, and too little else' };
  const rule = 'passages in the reference';
  return {
    keep: { ...document, text: pieces.join('\n\n') },
    changes: { [rule]: passages.length },
    evidence: { [rule]: `${evidence} in ${first.reference}` },
    scores: { 'share in the reference': share },
  };
}

/** What is left of a text without its passages and their margins. */
function piecesOf(text: string, passages: readonly Passage[], { margin, minimumPiece }: Cut): readonly string[] {
  const pieces: string[] = [];
  let start = 0;
  for (const passage of passages) {
    const end = Math.max(start, passage.start - margin);
    pieces.push(whole(text.slice(start, end)));
    start = Math.min(text.length, passage.end + margin);
  }
  pieces.push(whole(text.slice(start)));
  return pieces.filter((piece) => piece !== '' && piece.length >= minimumPiece);
}

/** Without half a surrogate pair at the ends, and without spaces. */
function whole(piece: string): string {
  return piece.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/gu, '').trim();
}

function shortened(text: string): string {
  const [...characters] = text.replace(/\s+/gu, ' ').trim();
  return characters.length > 120 ? `${characters.slice(0, 120).join('')}…` : characters.join('');
}

function parse(options: z.input<typeof optionsSchema>): Chosen {
  const parsed = optionsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `decontaminate: ${z.prettifyError(parsed.error)}`,
    received: JSON.stringify(options),
    expected:
      "n and minimumWords: whole numbers above 0, action: 'drop' or { margin, minimumPiece, maximumPieces }, minimumShare: 0 to 1",
  });
}
