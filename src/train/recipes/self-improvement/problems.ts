// { prompt: [{ role: 'user', content: '12 + 30?' }], answer: '42' }
import { TrainbookError } from '../../../error.js';
import type { Decoder } from '../../../model/decoder.js';
import type { Chat } from '../../../tokens/chat.js';
import type { Order, Role } from '../../../tokens/chat-template.js';
import { parseQuestion } from '../../../tokens/conversation.js';
import type { Question, Turn } from '../../../tokens/conversation.js';

/** Something to be answered, and what is known of the right answer. */
export interface VerifiableProblem<O extends Order = Order, Answer = string> {
  /** The turns before the answer, in the order of the chat's template: a `question(…)`, or turns from a file. */
  readonly prompt: readonly Turn<Role<O>>[];
  readonly answer: Answer;
}

/** A problem as a model reads it. */
export interface ReadProblem<O extends Order, Answer> {
  readonly question: Question<O>;
  readonly tokens: Int32Array;
  /** What the turns say, for who verifies. */
  readonly text: string;
  readonly answer: Answer;
}

/**
 * Problems as tokens, all of them checked.
 *
 * @param what what errors begin with, such as `selfImprove: problem`
 * @throws TrainbookError if there are none, or for the first that is not in the template's order or leaves no room for an answer.
 */
export function readProblemPrompts<O extends Order, Answer>(
  what: string,
  chat: Chat<O>,
  problems: readonly VerifiableProblem<O, Answer>[],
  { architecture, maxTokens }: { readonly architecture: Decoder; readonly maxTokens: number },
): ReadProblem<O, Answer>[] {
  if (problems.length === 0) {
    throw new TrainbookError({ what: `${what}s: there are none`, received: 0, expected: 'at least one' });
  }
  const { context } = architecture.config;
  return problems.map(({ prompt, answer }, index) => {
    const question = parseQuestion(chat.template, prompt, `${what} ${index}`);
    const tokens = chat.prompt(question);
    // The answer is learnt with the token that ends it: all of it must fit, and one more may stand after it.
    if (tokens.length + maxTokens > context) {
      throw new TrainbookError({
        what: `${what} ${index} leaves no room for an answer in the model’s context`,
        received: `${tokens.length} tokens, and ${maxTokens} of an answer`,
        expected: `together at most ${context}`,
        fix: 'leave such problems out, lower maxTokens, or take a model with a longer context',
      });
    }
    return { question, tokens, text: question.map(({ content }) => content).join('\n'), answer };
  });
}
