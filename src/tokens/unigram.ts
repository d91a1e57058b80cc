import { TrainbookError } from '../error.js';
import { byteToken } from './byte-level.js';
import type { TokenizerModel } from './tokenizer-json.js';
import type { TokenizeWord } from './tokenizer.js';

/** A node of the tree of all pieces: what follows by code unit, and the piece that ends here. */
interface Node {
  readonly next: Map<number, Node>;
  id: number;
}

/** What a character that no piece covers costs, in nats beside the rarest piece. As in SentencePiece. */
const UNKNOWN_PENALTY = 10;

/**
 * Unigram: of all ways to cut a word into pieces the likeliest, argmax Σ log p(piece), by Viterbi's algorithm over the characters.
 * A character that is no piece counts as unknown; unknown characters side by side are one token, or, with byte fallback, the tokens of
 * their bytes.
 *
 * Kudo 2018, "Subword Regularization" (1804.10959); SentencePiece: Kudo and Richardson 2018 (1808.06226).
 */
export function unigram(model: Extract<TokenizerModel, { readonly type: 'Unigram' }>): TokenizeWord {
  const { vocab, unk_id: unknown, byte_fallback: byteFallback } = model;
  const root: Node = { next: new Map(), id: -1 };
  const scores = Float64Array.from(vocab, ([, score]) => score);
  const ids = new Map(vocab.map(([piece], id) => [piece, id]));
  for (const [piece, id] of ids) insert(root, piece, id);
  const unknownScore = scores.reduce((lowest, score) => Math.min(lowest, score), Infinity) - UNKNOWN_PENALTY;
  const bytesOf = (text: string): number[] | undefined => {
    if (!byteFallback) return undefined;
    const found = Array.from(Buffer.from(text), (byte) => ids.get(byteToken(byte)) ?? -1);
    return found.includes(-1) ? undefined : found;
  };

  return (word) => {
    const tokens: number[] = [];
    let strange = ''; // unknown characters side by side
    const endStrange = (): void => {
      if (strange === '') return;
      const bytes = bytesOf(strange);
      if (bytes !== undefined) tokens.push(...bytes);
      else if (unknown == null) throw noUnknown(strange);
      else tokens.push(unknown);
      strange = '';
    };
    for (const { id, text } of likeliest(word, root, scores, unknownScore)) {
      if (id < 0 || id === unknown) strange += text;
      else {
        endStrange();
        tokens.push(id);
      }
    }
    endStrange();
    return tokens;
  };
}

function insert(root: Node, piece: string, id: number): void {
  let node = root;
  for (let index = 0; index < piece.length; index++) {
    const unit = piece.charCodeAt(index);
    let next = node.next.get(unit);
    if (next === undefined) {
      next = { next: new Map(), id: -1 };
      node.next.set(unit, next);
    }
    node = next;
  }
  node.id = id;
}

/** The pieces of the likeliest way, in order; −1 for an unknown character. */
function likeliest(
  word: string,
  root: Node,
  scores: Float64Array,
  unknownScore: number,
): { readonly id: number; readonly text: string }[] {
  const length = word.length;
  const best = new Float64Array(length + 1).fill(-Infinity);
  best[0] = 0;
  const from = new Int32Array(length + 1);
  const piece = new Int32Array(length + 1).fill(-1);
  const offer = (start: number, end: number, score: number, id: number): void => {
    const total = (best[start] ?? 0) + score;
    if (total <= (best[end] ?? 0)) return;
    best[end] = total;
    from[end] = start;
    piece[end] = id;
  };
  for (let start = 0; start < length;) {
    const width = (word.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
    let single = false;
    let node: Node | undefined = root;
    for (let end = start; end < length;) {
      node = node.next.get(word.charCodeAt(end));
      if (node === undefined) break;
      end++;
      if (node.id < 0) continue;
      offer(start, end, scores[node.id] ?? 0, node.id);
      single ||= end === start + width;
    }
    if (!single) offer(start, start + width, unknownScore, -1);
    start += width;
  }
  const pieces: { readonly id: number; readonly text: string }[] = [];
  for (let end = length; end > 0; end = from[end] ?? 0)
    pieces.push({ id: piece[end] ?? -1, text: word.slice(from[end] ?? 0, end) });
  return pieces.reverse();
}

function noUnknown(text: string): TrainbookError {
  return new TrainbookError({
    what: 'encode: the vocabulary lacks a character and has no unknown token',
    received: JSON.stringify(text),
    expected: 'characters of the vocabulary',
    fix: 'leave them out, or take a tokenizer with byte fallback',
  });
}
