import { specialToken } from '../tokenizer-json.js';
import type { AddedToken } from '../tokenizer-json.js';

/** One step of a tokenizer as Hugging Face's library writes it: `{"type": "ByteLevel", "add_prefix_space": false, …}`. */
export type Step = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The contents of a `tokenizer.json`. */
export type TokenizerJson<Model extends Step = Step> = {
  readonly version: '1.0';
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: AddedToken[];
  readonly normalizer: Step | null;
  readonly pre_tokenizer: Step | null;
  readonly post_processor: Step | null;
  readonly decoder: Step | null;
  readonly model: Model;
};

type Steps<Model extends Step> = Pick<
  TokenizerJson<Model>,
  'normalizer' | 'pre_tokenizer' | 'post_processor' | 'decoder' | 'model'
>;

/** A whole `tokenizer.json`; special tokens come with their ids. */
export function tokenizerJson<Model extends Step>(
  special: ReadonlyMap<string, number>,
  { normalizer, pre_tokenizer, post_processor, decoder, model }: Steps<Model>,
): TokenizerJson<Model> {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...special].map(([content, id]) => specialToken(content, id)),
    normalizer,
    pre_tokenizer,
    post_processor,
    decoder,
    model,
  };
}

/** Tokens by their ids → ids by their tokens. */
export function vocabulary(tokens: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}
