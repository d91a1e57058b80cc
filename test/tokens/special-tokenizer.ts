import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { byteLevelBpe } from '../../src/tokens/byte-level-bpe.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';

const { vocab, merges } = z
  .object({ vocab: z.record(z.string(), z.int()), merges: z.array(z.tuple([z.string(), z.string()])) })
  .parse(JSON.parse(readFileSync(new URL('fixtures/bpe.json', import.meta.url), 'utf8')));

/** The byte-level tokenizer of bpe.json (400 tokens) with special tokens after its own. */
export function specialTokenizer(texts: readonly string[]): Tokenizer {
  const inner = byteLevelBpe(vocab, merges);
  const special = new Map([...inner.special, ...texts.map((text, index) => [text, inner.size + index] as const)]);
  const written = new Map([...special].map(([text, id]) => [id, text]));
  return {
    ...inner,
    size: inner.size + texts.length,
    special,
    // Runs of ordinary tokens are decoded at once: a character may be several tokens.
    decode(ids) {
      let text = '';
      let run: number[] = [];
      for (const id of Array.from(ids)) {
        const found = written.get(id);
        if (found === undefined) {
          run.push(id);
        } else {
          text += inner.decode(run) + found;
          run = [];
        }
      }
      return text + inner.decode(run);
    },
  };
}
