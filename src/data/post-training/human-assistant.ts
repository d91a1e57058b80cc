// "\n\nHuman: Name a colour.\n\nAssistant: Red.\n\nHuman: Another.\n\nAssistant: Blue."
import type { ChatTurn } from './turns.js';

/** Whether a text is a dialogue as Anthropic's HH writes them (Bai et al. 2022, 2204.05862). */
export function isHumanAssistant(text: string): boolean {
  return /^\s*(Human|Assistant):/u.test(text);
}

/** The turns of such a dialogue, without the white space around them. */
export function humanAssistantTurns(text: string): readonly ChatTurn<'user' | 'assistant'>[] {
  const [, ...parts] = `\n\n${text.trimStart()}`.split(/\n\n(Human|Assistant):/u);
  const turns: ChatTurn<'user' | 'assistant'>[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    turns.push({ role: parts[at] === 'Human' ? 'user' : 'assistant', content: (parts[at + 1] ?? '').trim() });
  }
  return turns;
}
