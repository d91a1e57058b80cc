import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../files.js';
import type { Codec } from '../files.js';
import { loadTokenizer } from './load-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * Writes a tokenizer as Hugging Face's folders have it: `tokenizer.json`, and `tokenizer_config.json`, which names the token that
 * ends a text.
 *
 * @example
 * await saveTokenizer(tokenizer, 'my-model');
 */
export async function saveTokenizer(tokenizer: Tokenizer, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const config = { eos_token: tokenizer.token(tokenizer.endOfText) ?? '', tokenizer_class: 'PreTrainedTokenizerFast' };
  await writeAtomic(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`);
  await writeAtomic(join(folder, 'tokenizer.json'), tokenizer.json);
}

/** Keeps a tokenizer in a folder, as `tokenizer.json` with its `tokenizer_config.json`. */
export const tokenizerCodec: Codec<Tokenizer> = {
  kind: 'tokenizer',
  is: (value): value is Tokenizer =>
    typeof value === 'object' &&
    value !== null &&
    'encode' in value &&
    'decode' in value &&
    'endOfText' in value &&
    'json' in value,
  write: saveTokenizer,
  read: loadTokenizer,
  summarise(tokenizer) {
    const ids = Array.from({ length: tokenizer.size }, (_, index) => tokenizer.size - 1 - index);
    const last = ids.filter((id) => tokenizer.token(id) !== undefined).slice(0, 40);
    return {
      title: 'Tokenizer',
      facts: { 'tokens in the vocabulary': tokenizer.size, 'special tokens': tokenizer.special.size },
      texts: [{ title: 'The last tokens', text: last.map((id) => JSON.stringify(tokenizer.decode([id]))).join(' ') }],
    };
  },
};
