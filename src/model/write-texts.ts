import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { tokenChooser } from './choose-token.js';
import type { Decoding } from './decoding.js';
import { generate } from './generate.js';
import type { Finish } from './generate.js';
import type { SamplePlan } from './sample-options.js';
import { writtenText } from './written-text.js';

/** What was written after one beginning. */
export interface WrittenTail {
  /** Without a stop token or a stop string. */
  readonly text: string;
  /** Tokens that were generated, without a stop token. */
  readonly numTokens: number;
  readonly finish: Finish;
}

export interface WriteTextsOptions {
  readonly plan: SamplePlan;
  readonly key: Key;
  /** Is told of each token: the number of its sequence, and how many tokens that has by now. */
  readonly onToken?: (sequence: number, numTokens: number) => void;
}

/**
 * Goes on after each beginning, up to a stop token, a stop string, or the plan's `maxTokens`. Each token's draw has a key of its own, folded
 * from the sequence's number and the position. The decoding is disposed.
 */
export async function writeTexts(
  decoding: Decoding,
  tokenizer: Tokenizer,
  beginnings: readonly (readonly number[])[],
  { plan, key, onToken }: WriteTextsOptions,
): Promise<WrittenTail[]> {
  const texts = beginnings.map((): { text: string; finish: Finish; written: ReturnType<typeof writtenText> } => ({
    written: writtenText(tokenizer, plan),
    text: '',
    finish: 'length',
  }));
  const chooseToken = tokenChooser(plan);
  try {
    for await (const { sequence, finish } of generate(decoding, beginnings, {
      choose: (logits, sequence, tokens) => chooseToken(logits, fold(fold(key, sequence), tokens.length), tokens),
      maxTokens: plan.maxTokens,
      ends: (token, sequence) => {
        const state = texts[sequence];
        if (state !== undefined) state.text += state.written.push(token);
        return state?.written.ended ?? true;
      },
    })) {
      const state = texts[sequence];
      if (state === undefined) continue;
      if (finish !== undefined) state.finish = finish;
      onToken?.(sequence, state.written.numTokens);
    }
  } finally {
    decoding.dispose();
  }
  return texts.map(({ written, text, finish }) => ({
    text: text + written.end(),
    numTokens: written.numTokens,
    finish,
  }));
}
