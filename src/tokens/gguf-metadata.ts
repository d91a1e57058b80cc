import { isDeepStrictEqual } from 'node:util';
import { TrainbookError } from '../error.js';
import { wordsByName } from './gguf-tokenizer.js';
import { pieceTypes } from './sentencepiece.js';
import { checkTokenizerJson } from './tokenizer-json.js';
import type { Part, TokenizerJson } from './tokenizer-json.js';
import type { Tokenizer } from './tokenizer.js';

/** A value of a GGUF file's metadata, with its type. */
export type GgufValue =
  | { readonly uint32: number }
  | { readonly float32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly int32s: readonly number[] };

/**
 * The metadata that a GGUF file has of a tokenizer: the other way round than `ggufTokenizer`. Rows of the embedding without a token get one
 * that no text has, as llama.cpp asks for.
 *
 * @throws TrainbookError if it is not byte-level BPE, or cuts words in a way that llama.cpp has no name for.
 */
export function ggufMetadata(tokenizer: Tokenizer, numRows: number): ReadonlyMap<string, GgufValue> {
  const json = checkTokenizerJson(JSON.parse(tokenizer.json), 'the tokenizer');
  const { model, added_tokens: added } = json;
  if (model.type !== 'BPE' || model.byte_fallback)
    throw refused(
      `a model of type ${model.type}${model.type === 'BPE' ? ' with byte fallback' : ''}`,
      'byte-level BPE',
    );
  const types = new Map(added.map(({ id, special }) => [id, special ? pieceTypes.control : pieceTypes.userDefined]));
  const ids = Array.from({ length: Math.max(numRows, tokenizer.size) }, (_, id) => id);
  const texts = new Map(added.map(({ id, content }) => [id, content]));
  for (const [token, id] of Object.entries(model.vocab)) texts.set(id, token);
  const begins = tokenizer.frame([]).ids[0];
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { text: 'gpt2' }],
    ['tokenizer.ggml.pre', { text: nameOfWords(json) }],
    ['tokenizer.ggml.tokens', { texts: ids.map((id) => texts.get(id) ?? `[PAD${id}]`) }],
    [
      'tokenizer.ggml.token_type',
      { int32s: ids.map((id) => types.get(id) ?? (texts.has(id) ? pieceTypes.normal : pieceTypes.unused)) },
    ],
    ['tokenizer.ggml.merges', { texts: model.merges.map(([left, right]) => `${left} ${right}`) }],
    ['tokenizer.ggml.bos_token_id', { uint32: begins ?? tokenizer.endOfText }],
    ['tokenizer.ggml.eos_token_id', { uint32: tokenizer.endOfText }],
    ['tokenizer.ggml.add_bos_token', { bool: begins !== undefined }],
  ]);
}

/** The name that llama.cpp has for how words are cut. */
function nameOfWords({ pre_tokenizer: words, normalizer, model }: TokenizerJson): string {
  const parts = partsOf(words ?? undefined);
  const name = Object.entries(wordsByName).find(
    ([each, known]) => each !== 'default' && isDeepStrictEqual(parts.map(essential), known.map(essential)),
  )?.[0];
  const isNormal = normalizer == null || (normalizer.type === 'NFC' && name === 'qwen2');
  if (name !== undefined && isNormal && (model.type !== 'BPE' || !model.ignore_merges || name.startsWith('llama')))
    return name;
  throw refused(
    JSON.stringify({ normalizer, pre_tokenizer: words }),
    `the words of ${Object.keys(wordsByName).join(', ')}, and no normalizer (NFC in qwen2)`,
  );
}

function partsOf(words: Part | undefined): readonly Part[] {
  if (words === undefined) return [];
  return words.type === 'Sequence' ? (words['pretokenizers'] as readonly Part[]) : [words];
}

/** What decides which words there are. */
function essential({ type, ...rest }: Part): object {
  const { use_regex: useRegex = true, add_prefix_space: addSpace = false, individual_digits: digits = false } = rest;
  if (type === 'ByteLevel') return { type, useRegex, addSpace };
  if (type === 'Digits') return { type, digits };
  const { pattern, behavior = 'Isolated', invert = false } = rest;
  return { type, pattern, behavior, invert };
}

function refused(received: string, expected: string): TrainbookError {
  return new TrainbookError({
    what: 'saveGguf: llama.cpp has no such tokenizer',
    received,
    expected,
    fix: 'train one with trainBpe, or save the model as a Hugging Face folder, with saveModel',
  });
}
