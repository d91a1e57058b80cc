import type { PreferenceContent } from '../../data/post-training/preferences.js';
import { TrainbookError } from '../../error.js';
import type { Chat } from '../chat.js';
import type { Order } from '../chat-template.js';
import { parseConversation } from '../conversation.js';
import { preferencePair } from './preference-pair.js';
import type { PreferencePair } from './preference-pair.js';

/** A row that became no pair. */
export interface LeftOutPair {
  /** Its place among the rows. */
  readonly row: number;
  readonly reason: 'too long';
  /** Of the prompt with its longer answer. */
  readonly numTokens: number;
}

/** Pairs as tokens, and what of the rows is not among them. */
export interface PreferencePairs {
  readonly pairs: readonly PreferencePair[];
  readonly leftOut: readonly LeftOutPair[];
}

/**
 * The pairs of rows that `readPreferences` gives, by a chat template. Rows whose prompt and longer answer take more than `context` tokens
 * are left out, and reported.
 *
 * @throws TrainbookError if a row's turns are not in the template's order, or no row is left.
 * @example
 * const { rows } = await readPreferences('dpo_demo');
 * const { pairs, leftOut } = preferencePairs(bind(chatMl, tokenizer), rows, { context: 512 });
 */
export function preferencePairs<O extends Order>(
  chat: Chat<O>,
  rows: readonly Omit<PreferenceContent, 'kind'>[],
  { context = Infinity }: { readonly context?: number } = {},
): PreferencePairs {
  const { template } = chat;
  const pairs: PreferencePair[] = [];
  const leftOut: LeftOutPair[] = [];
  rows.forEach(({ prompt, chosen, rejected }, row) => {
    const [liked, other] = [chosen, rejected].map((content) => {
      const turns = [...prompt, { role: template.order.answer, content }];
      return chat.example(parseConversation(template, turns, `preferencePairs: row ${row}`), { answers: 'last' });
    });
    if (liked === undefined || other === undefined) return;
    const numTokens = Math.max(liked.tokens.length, other.tokens.length);
    if (numTokens > context) leftOut.push({ row, reason: 'too long', numTokens });
    else pairs.push(preferencePair(liked, other));
  });
  if (pairs.length > 0) return { pairs, leftOut };
  throw new TrainbookError({
    what: 'preferencePairs: no pair is left',
    received: `${rows.length} rows, all of them longer than the context`,
    expected: `at least one of at most ${context} tokens`,
    fix: 'take a longer context',
  });
}
