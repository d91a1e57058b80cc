// { prompt: [{ role: 'user', content: '12 + 30?' }], answer: '42' }
import { TrainbookError } from '../../error.js';
import type { Decoder } from '../../model/decoder.js';
import type { Chat } from '../../tokens/chat.js';
import type { Order, Role } from '../../tokens/chat-template.js';
import { parseQuestion } from '../../tokens/conversation.js';
import type { Turn } from '../../tokens/conversation.js';

/** Something to be answered, and what is known of the right answer. */
export interface Problem<O extends Order = Order, Answer = string> {
  /** The turns before the answer, in the order of the chat's template: a `question(…)`, or turns from a file. */
  readonly prompt: readonly Turn<Role<O>>[];
  readonly answer: Answer;
}

/** A problem as the policy reads it. */
export interface EncodedProblem<Answer> {
  /** With all that the template puts before an answer. */
  readonly tokens: Int32Array;
  /** What the turns say, for rewards. */
  readonly text: string;
  readonly answer: Answer;
}

/** What answers need of the context beside the prompt. */
export interface Room {
  readonly architecture: Decoder;
  readonly maxTokens: number;
}

/**
 * Problems as tokens, all of them checked.
 *
 * @param what what errors begin with, such as `reinforce: problem`
 * @throws TrainbookError if there are none, or the first whose turns are not in the template's order or leave no room for an answer.
 */
export function encodeProblems<O extends Order, Answer>(
  what: string,
  chat: Chat<O>,
  problems: readonly Problem<O, Answer>[],
  { architecture, maxTokens }: Room,
): EncodedProblem<Answer>[] {
  const { context } = architecture.config;
  if (problems.length === 0) {
    throw new TrainbookError({ what: `${what}s: there are none`, received: '[]', expected: 'at least 1 problem' });
  }
  return problems.map(({ prompt, answer }, index) => {
    const asked = parseQuestion(chat.template, prompt, `${what} ${index}`);
    const tokens = chat.prompt(asked);
    if (tokens.length + maxTokens - 1 > context) {
      throw new TrainbookError({
        what: `${what} ${index} leaves no room for an answer in the model’s context`,
        received: `${tokens.length} tokens, and ${maxTokens} of an answer`,
        expected: `together at most ${context + 1}: the context, and the last token, which is not read`,
        fix: 'leave such problems out, lower maxTokens, or take a model with a longer context',
      });
    }
    return { tokens, text: asked.map(({ content }) => content).join('\n'), answer };
  });
}
