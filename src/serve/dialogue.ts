import type { Chat } from '../tokens/chat.js';
import type { SystemUserAssistant } from '../tokens/chat-templates.js';
import { parseConversation } from '../tokens/conversation.js';
import type { Turn } from '../tokens/conversation.js';
import { marked } from '../tokens/marked-text.js';
import type { MarkedText } from '../tokens/marked-text.js';
import type { Answer, Answering } from './answering.js';

/** A conversation that is going on. */
export interface Dialogue {
  /** All turns so far, also those that no longer fit into the context. */
  readonly turns: readonly Turn[];
  /** Asks, and keeps question and answer; where the answer fails, neither is kept. */
  ask(question: string, write: (text: string) => void, signal?: AbortSignal): Promise<Answer>;
  /** Puts another system prompt in place of the one before; undefined: none. */
  setSystem(text: string | undefined): void;
  /** Forgets all but the system prompt. */
  reset(): void;
  /** The conversation as training would see it, with its loss mask; undefined before the first answer. */
  shown(): MarkedText | undefined;
}

/**
 * Begins a conversation.
 *
 * @example
 * const dialogue = startDialogue(chat, answering, 'Be brief.');
 * await dialogue.ask('Name a colour.', (text) => process.stdout.write(text));
 */
export function startDialogue(chat: Chat<SystemUserAssistant>, answering: Answering, system?: string): Dialogue {
  let spoken: readonly Turn[] = [];
  let prompt = system;
  const turns = (): Turn[] => [...(prompt === undefined ? [] : [{ role: 'system', content: prompt }]), ...spoken];
  return {
    get turns() {
      return turns();
    },
    async ask(question, write, signal) {
      const asked: Turn = { role: 'user', content: question };
      const answer = await answering.next([...turns(), asked], write, signal);
      spoken = [...spoken, asked, { role: 'assistant', content: answer.text }];
      return answer;
    },
    setSystem(text) {
      prompt = text;
    },
    reset() {
      spoken = [];
    },
    shown() {
      if (spoken.length === 0) return undefined;
      return marked(chat, chat.example(parseConversation(chat.template, turns(), 'chat')));
    },
  };
}
