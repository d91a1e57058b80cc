import { fold, permutation, uniformNumbers } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { Tokenizer } from './tokenizer.js';

/*
 * Devlin's example, with "hairy" chosen:
 *
 *   tokens    [CLS] my dog is hairy  [SEP]
 *   inputs    [CLS] my dog is [MASK] [SEP]
 *   targets   [CLS] my dog is hairy  [SEP]
 *   weights     0   0   0  0    1      0
 */

/** A row for masked-language modelling: a model sees `inputs` and predicts, at the same place, `targets`. */
export interface MaskedTokens {
  readonly inputs: Int32Array;
  /** The tokens as they were. */
  readonly targets: Int32Array;
  /** 1 where a token was chosen to be predicted. */
  readonly weights: Float32Array;
}

export interface MaskTokensOptions {
  /** Its special tokens are never chosen (nor drawn), padding among them. */
  readonly tokenizer: Pick<Tokenizer, 'size' | 'special'>;
  /** The id of [MASK]. */
  readonly mask: number;
  /** Which share of the tokens is chosen; 0.15 by default. */
  readonly share?: number;
  /**
   * Whole-word masking: words are chosen whole. Says whether a token begins a word; in WordPiece those that are not written
   * `##…` do. Without it each token is chosen by itself.
   */
  readonly startsWord?: (id: number) => boolean;
  readonly key: Key;
  /** With the key they decide what is masked: another epoch, other masks. */
  readonly epoch: number;
  readonly row: number;
}

/** Of the chosen tokens: what becomes [MASK], and what a random token. The rest is left as it is. */
const maskShare = 0.8;
const randomShare = 0.1;

/**
 * Chooses max(1, round(share · n)) of the n tokens of a row that are not special, evenly by key; each of them is replaced by
 * [MASK] with probability 0.8, by a token drawn evenly from those that are not special with 0.1, and left with 0.1 (Devlin et
 * al. 2018, 1810.04805). A pure function of key, epoch and row: every process draws the same masks, and each epoch others, the
 * dynamic masking of RoBERTa (Liu et al. 2019, 1907.11692).
 *
 * With `startsWord`, words are drawn one after another, and one that would exceed the count is passed over, so that fewer
 * tokens may be chosen; only where no word fits is the first one drawn chosen nevertheless. A token after a special one
 * begins a word in any case.
 *
 * @throws TrainbookError if the share is not above 0 and at most 1, or [MASK] is not a token.
 * @example
 * const { inputs, targets, weights } = maskTokens(row, { tokenizer, mask: 103, key, epoch: 0, row: 17 });
 */
export function maskTokens(tokens: ArrayLike<number>, options: MaskTokensOptions): MaskedTokens {
  const { tokenizer, mask, share = 0.15, startsWord, epoch, row } = options;
  check(share, mask, tokenizer.size);
  const key = fold(fold(options.key, epoch), row);
  const special = [...new Set(tokenizer.special.values())].sort((a, b) => a - b);
  const words = wordsOf(tokens, new Set(special), startsWord ?? (() => true));
  const chosen = choose(words, share, fold(key, 'choose'));

  const targets = Int32Array.from(tokens);
  const inputs = targets.slice();
  const weights = new Float32Array(targets.length);
  const draws = uniformNumbers(fold(key, 'replace'), 2 * chosen.length);
  for (const [index, place] of chosen.entries()) {
    weights[place] = 1;
    const how = draws[2 * index] ?? 0;
    if (how < maskShare) inputs[place] = mask;
    else if (how < maskShare + randomShare) {
      inputs[place] = ordinary(Math.floor((draws[2 * index + 1] ?? 0) * (tokenizer.size - special.length)), special);
    }
  }
  return { inputs, targets, weights };
}

/** The places of each word's tokens. Special tokens are in none. */
function wordsOf(
  tokens: ArrayLike<number>,
  special: ReadonlySet<number>,
  startsWord: (id: number) => boolean,
): number[][] {
  const words: number[][] = [];
  let word: number[] | undefined;
  for (let place = 0; place < tokens.length; place++) {
    const id = tokens[place] ?? 0;
    if (special.has(id)) word = undefined;
    else if (word && !startsWord(id)) word.push(place);
    else words.push((word = [place]));
  }
  return words;
}

/** The places that are chosen: words in an order drawn by key, as long as they fit. */
function choose(words: readonly number[][], share: number, key: Key): number[] {
  const numTokens = words.reduce((sum, { length }) => sum + length, 0);
  const budget = Math.max(1, Math.round(share * numTokens));
  const drawn = Array.from(permutation(key, words.length), (index) => words[index] ?? []);
  const chosen: number[] = [];
  for (const word of drawn) if (chosen.length + word.length <= budget) chosen.push(...word);
  return chosen.length === 0 ? [...(drawn[0] ?? [])] : chosen;
}

/** The id of the token that is number `index` among those that are not special; `special` in ascending order. */
function ordinary(index: number, special: readonly number[]): number {
  return special.reduce((id, taken) => (id >= taken ? id + 1 : id), index);
}

function check(share: number, mask: number, size: number): void {
  if (!(share > 0 && share <= 1)) {
    throw new TrainbookError({
      what: 'maskTokens: no such share of tokens',
      received: share,
      expected: 'a number above 0, at most 1',
    });
  }
  if (!Number.isInteger(mask) || mask < 0 || mask >= size) {
    throw new TrainbookError({
      what: 'maskTokens: [MASK] is not a token',
      received: mask,
      expected: `an id from 0 to ${size - 1}`,
      fix: "give tokenizer.special.get('[MASK]')",
    });
  }
}
