import { createRequire } from 'node:module';
import { readInner, readProtobuf } from '../engine/read-protobuf.js';
import type { ProtobufFields } from '../engine/read-protobuf.js';
import { TrainbookError } from '../error.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { specialToken } from './tokenizer-json.js';
import type { AddedToken, Part, TokenizerJsonInput } from './tokenizer-json.js';
import type { Tokenizer } from './tokenizer.js';

/*
 * A SentencePiece model (`tokenizer.model`, `spiece.model`) is a protocol buffer: pieces in the order of their ids, each with a
 * score and a type, how they were trained, and how text is normalised:
 *
 * pieces { piece: "<unk>" score: 0 type: UNKNOWN } pieces { piece: "▁the" score: -3.38 } …
 * trainer_spec { model_type: UNIGRAM … } normalizer_spec { add_dummy_prefix: true precompiled_charsmap: … }
 */

/** The types of pieces. */
export const pieceTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** One piece of a SentencePiece vocabulary; its id is its place. */
export interface Piece {
  readonly piece: string;
  /** Unigram: log probability in nats. BPE: higher is merged first. */
  readonly score: number;
  readonly type: number;
}

/** What a SentencePiece model says. */
export interface SentencePieceModel {
  readonly kind: 'unigram' | 'bpe';
  readonly pieces: readonly Piece[];
  readonly byteFallback: boolean;
  /** The id of the piece that ends a text; −1: there is none. */
  readonly endId: number;
  /** Replacements of characters, in SentencePiece's own form; empty: none. */
  readonly charsmap: Uint8Array;
  /** Whether a text gets a space before it. */
  readonly dummyPrefix: boolean;
  /** Whether spaces at both ends go, and of several one is left. */
  readonly removeExtraSpaces: boolean;
}

interface Writer {
  writeString(field: number, value: string): void;
  writeFloat(field: number, value: number): void;
  writeInt32(field: number, value: number): void;
  writeBool(field: number, value: boolean): void;
  writeBytes(field: number, value: Uint8Array): void;
  writeMessage<T>(field: number, value: T, write: (value: T, writer: Writer) => void): void;
  getResultBuffer(): Uint8Array;
}
interface Protobuf {
  readonly BinaryWriter: new () => Writer;
}
const protobuf = (): Protobuf => createRequire(import.meta.url)('google-protobuf') as Protobuf;

/**
 * Reads the fields of a SentencePiece model.
 *
 * @throws TrainbookError if the bytes are none, or the model is neither Unigram nor BPE.
 */
export function parseSentencePiece(bytes: Uint8Array, source = 'tokenizer.model'): SentencePieceModel {
  const pieces: Piece[] = [];
  let kind = 1;
  let [byteFallback, dummyPrefix, removeExtraSpaces] = [false, true, true];
  let endId = 2;
  let charsmap = new Uint8Array(0);
  const fields: ProtobufFields = {
    1: (reader) => {
      const piece = { piece: '', score: 0, type: 1 };
      readInner(reader, {
        1: (inner) => (piece.piece = inner.readString()),
        2: (inner) => (piece.score = inner.readFloat()),
        3: (inner) => (piece.type = inner.readInt32()),
      });
      pieces.push(piece);
    },
    2: (reader) => {
      readInner(reader, {
        3: (inner) => (kind = inner.readInt32()),
        35: (inner) => (byteFallback = inner.readBool()),
        42: (inner) => (endId = inner.readInt32()),
      });
    },
    3: (reader) => {
      readInner(reader, {
        2: (inner) => (charsmap = Uint8Array.from(inner.readBytes())),
        3: (inner) => (dummyPrefix = inner.readBool()),
        4: (inner) => (removeExtraSpaces = inner.readBool()),
      });
    },
  };
  const refuse = (received: string, cause?: unknown): TrainbookError =>
    new TrainbookError({
      what: `${source} is no SentencePiece model that can be read here`,
      received,
      expected: 'a model of type unigram or bpe, as spm_train writes it',
      cause,
    });
  try {
    readProtobuf(bytes, fields);
  } catch (cause) {
    throw refuse(`${bytes.length} bytes: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (pieces.length === 0) throw refuse(`${bytes.length} bytes without a piece`);
  if (kind !== 1 && kind !== 2) throw refuse(`a model of type ${kind === 3 ? 'word' : kind === 4 ? 'char' : kind}`);
  const names = { 1: 'unigram', 2: 'bpe' } as const;
  return { kind: names[kind], pieces, byteFallback, endId, charsmap, dummyPrefix, removeExtraSpaces };
}

/** The bytes of a SentencePiece model, which SentencePiece itself reads. */
export function writeSentencePiece(model: SentencePieceModel): Uint8Array {
  const writer = new (protobuf().BinaryWriter)();
  for (const piece of model.pieces) {
    writer.writeMessage(1, piece, (each, inner) => {
      inner.writeString(1, each.piece);
      inner.writeFloat(2, each.score);
      if (each.type !== pieceTypes.normal) inner.writeInt32(3, each.type);
    });
  }
  const idOf = (type: number): number => model.pieces.findIndex((piece) => piece.type === type);
  writer.writeMessage(2, model, ({ kind, byteFallback, pieces, endId }, inner) => {
    inner.writeInt32(3, { unigram: 1, bpe: 2 }[kind]);
    inner.writeInt32(4, pieces.length);
    inner.writeBool(35, byteFallback);
    inner.writeInt32(40, idOf(pieceTypes.unknown));
    inner.writeInt32(
      41,
      pieces.findIndex(({ piece }) => piece === '<s>'),
    );
    inner.writeInt32(42, endId);
    inner.writeInt32(43, -1);
  });
  writer.writeMessage(3, model, ({ charsmap, dummyPrefix, removeExtraSpaces }, inner) => {
    inner.writeBytes(2, charsmap);
    inner.writeBool(3, dummyPrefix);
    inner.writeBool(4, removeExtraSpaces);
    inner.writeBool(5, true);
  });
  return writer.getResultBuffer();
}

/**
 * The tokenizer of a SentencePiece model: Unigram, or BPE by scores.
 *
 * @throws TrainbookError if the bytes are none.
 * @example
 * const tokenizer = readSentencePiece(await readFile('tokenizer.model'));
 */
export function readSentencePiece(bytes: Uint8Array, source = 'tokenizer.model'): Tokenizer {
  const model = parseSentencePiece(bytes, source);
  const end = model.pieces[model.endId]?.piece;
  return tokenizerOf(sentencePieceJson(model), end === undefined ? {} : { endOfText: end });
}

/** The tokenizer.json that does what a SentencePiece model does. */
export function sentencePieceJson(model: SentencePieceModel): TokenizerJsonInput {
  const { pieces, byteFallback, dummyPrefix } = model;
  const ofType = (...types: number[]): { piece: string; id: number; type: number }[] =>
    pieces.flatMap(({ piece, type }, id) => (types.includes(type) ? [{ piece, id, type }] : []));
  const [unknown] = ofType(pieceTypes.unknown);
  const withinPieces = pieces.some(({ piece, type }) => type === pieceTypes.normal && piece.indexOf('▁', 1) > 0);
  const space = {
    type: 'Metaspace',
    replacement: '▁',
    prepend_scheme: dummyPrefix ? 'always' : 'never',
    split: !withinPieces, // where pieces end at spaces anyway, words can be cut there
  };
  return {
    added_tokens: ofType(pieceTypes.control, pieceTypes.userDefined).map(({ piece, id, type }): AddedToken => ({
      ...specialToken(piece, id),
      special: type === pieceTypes.control,
    })),
    normalizer: normalizerOf(model),
    pre_tokenizer: space,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(dummyPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model:
      model.kind === 'unigram'
        ? {
            type: 'Unigram',
            unk_id: unknown?.id ?? null,
            byte_fallback: byteFallback,
            vocab: pieces.map(({ piece, score }): [string, number] => [piece, score]),
          }
        : {
            type: 'BPE',
            unk_token: unknown?.piece ?? null,
            fuse_unk: true,
            byte_fallback: byteFallback,
            vocab: Object.fromEntries(pieces.map(({ piece }, id) => [piece, id])),
            merges: mergesByScore(pieces),
          },
  };
}

function normalizerOf({ charsmap, removeExtraSpaces }: SentencePieceModel): Part | null {
  const normalizers: Part[] = [
    ...(charsmap.length > 0
      ? [{ type: 'Precompiled', precompiled_charsmap: Buffer.from(charsmap).toString('base64') }]
      : []),
    ...(removeExtraSpaces
      ? [
          { type: 'Strip', strip_left: true, strip_right: true },
          { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
        ]
      : []),
  ];
  return normalizers.length === 0 ? null : { type: 'Sequence', normalizers };
}

/**
 * SentencePiece's BPE joins those neighbours first whose result has the highest score: as merges in order, each way to make a
 * piece of two others.
 */
export function mergesByScore(pieces: readonly Piece[]): [string, string][] {
  const ids = new Map(pieces.map(({ piece }, id) => [piece, id]));
  const merges: { readonly pair: [string, string]; readonly score: number; readonly id: number }[] = [];
  for (const [id, { piece, score, type }] of pieces.entries()) {
    if (type !== pieceTypes.normal && type !== pieceTypes.unused) continue;
    const characters = Array.from(piece);
    for (let cut = 1; cut < characters.length; cut++) {
      const pair: [string, string] = [characters.slice(0, cut).join(''), characters.slice(cut).join('')];
      if (pair.every((part) => ids.has(part))) merges.push({ pair, score, id });
    }
  }
  merges.sort((a, b) => b.score - a.score || a.id - b.id);
  return merges.map(({ pair }) => pair);
}

/**
 * The same tokenizer as a SentencePiece model.
 *
 * @throws TrainbookError if it is neither Unigram nor BPE with spaces written as ▁.
 */
export function sentencePieceModel(tokenizer: Tokenizer): Uint8Array {
  const contents = JSON.parse(tokenizer.json) as TokenizerJsonInput;
  const { model, added_tokens: added = [], normalizer, pre_tokenizer: space } = contents;
  if ((model.type !== 'Unigram' && model.type !== 'BPE') || space?.type !== 'Metaspace') {
    throw new TrainbookError({
      what: 'sentencePieceModel: a SentencePiece model cannot hold this tokenizer',
      received: `a model of type ${model.type}, words by ${space?.type ?? 'none'}`,
      expected: 'Unigram or BPE with spaces written as ▁ (Metaspace)',
      fix: 'saveTokenizer writes tokenizer.json, which holds every kind',
    });
  }
  const parts = (normalizer?.type === 'Sequence' ? (normalizer['normalizers'] as Part[]) : [normalizer]).filter(
    (part) => part != null,
  );
  const charsmap = parts.find(({ type }) => type === 'Precompiled')?.['precompiled_charsmap'] as string | undefined;
  const byteFallback = model.byte_fallback === true;
  const unknown = model.type === 'Unigram' ? tokenizer.token(model.unk_id ?? -1) : model.unk_token;
  const typeOf = (piece: string): number => {
    if (piece === unknown) return pieceTypes.unknown;
    const token = added.find(({ content }) => content === piece);
    if (token !== undefined) return token.special === true ? pieceTypes.control : pieceTypes.userDefined;
    return byteFallback && /^<0x[0-9A-F]{2}>$/u.test(piece) ? pieceTypes.byte : pieceTypes.normal;
  };
  const scores = model.type === 'Unigram' ? new Map(model.vocab) : scoresByRank(model.merges);
  const pieces = Array.from({ length: tokenizer.size }, (_, id): Piece => {
    const piece = tokenizer.token(id) ?? `<unused${id}>`;
    return { piece, score: scores.get(piece) ?? 0, type: typeOf(piece) };
  });
  return writeSentencePiece({
    kind: model.type === 'Unigram' ? 'unigram' : 'bpe',
    pieces,
    byteFallback,
    endId: tokenizer.endOfText,
    charsmap: Buffer.from(charsmap ?? '', 'base64'),
    dummyPrefix: space['prepend_scheme'] !== 'never',
    removeExtraSpaces: parts.some(({ type }) => type === 'Strip'),
  });
}

/** A score for each piece that merges make, so that those learnt first are joined first. */
function scoresByRank(merges: readonly (string | readonly [string, string])[]): Map<string, number> {
  const scores = new Map<string, number>();
  merges.forEach((merge, rank) => {
    const piece = typeof merge === 'string' ? merge.replace(' ', '') : merge.join('');
    if (!scores.has(piece)) scores.set(piece, -rank);
  });
  return scores;
}
