import type { ConversationContent } from './conversations.js';
import type { FeedbackContent } from './feedback.js';
import { askedText } from './instructions.js';
import type { InstructionContent } from './instructions.js';
import type { PreferenceContent } from './preferences.js';
import type { ProblemContent } from './problems.js';
import type { ChatTurn } from './turns.js';

/** The content of any row of post-training data. */
export type PostTrainingContent =
  | InstructionContent
  | ConversationContent
  | ConversationContent<'system' | 'user' | 'assistant' | 'tool'>
  | PreferenceContent
  | FeedbackContent
  | ProblemContent;

/**
 * What a row asks: the instruction with its input, the question of a problem, or what the user says first. Dialogues that begin alike have
 * one prompt, however they go on: a held-out answer is then no turn of a dialogue that was trained on.
 */
export function promptText(row: PostTrainingContent): string {
  switch (row.kind) {
    case 'instruction':
      return askedText(row.fields);
    case 'conversation':
      return firstOf(row.turns);
    case 'problem':
      return row.question;
    case 'preference':
    case 'feedback':
      return firstOf(row.prompt);
  }
}

/** All that a row says, in characters (UTF-16 code units): prompts, answers, both answers of a preference. */
export function numCharacters(row: PostTrainingContent): number {
  switch (row.kind) {
    case 'instruction':
      return row.fields.instruction.length + row.fields.input.length + row.fields.output.length;
    case 'conversation':
      return sum(row.turns);
    case 'problem':
      return row.question.length + row.solution.length + row.answer.text.length;
    case 'preference':
      return sum(row.prompt) + row.chosen.length + row.rejected.length;
    case 'feedback':
      return sum(row.prompt) + row.completion.length;
  }
}

function firstOf(turns: readonly ChatTurn<string>[]): string {
  return turns.find(({ role }) => role === 'user')?.content ?? '';
}

function sum(turns: readonly ChatTurn<string>[]): number {
  return turns.reduce((total, { content }) => total + content.length, 0);
}
