import type { Row } from '../read/row.js';

/** A format of post-training data that a row looks like, and who reads it. */
export interface Recognised {
  readonly format: string;
  readonly reader: string;
}

/** What a row looks like by the names of its fields; undefined where they say nothing. */
export function recognise(row: Row): Recognised | undefined {
  const has = (...names: readonly string[]): boolean => names.every((name) => Object.hasOwn(row, name));
  if (has('chosen', 'rejected')) return { format: 'preference pairs', reader: 'readPreferences' };
  if (has('answers', 'ranking')) return { format: 'rankings', reader: 'readPreferences' };
  if (has('completion', 'label')) return { format: 'feedback for KTO', reader: 'readFeedback' };
  if (Array.isArray(row['conversations'])) return { format: 'ShareGPT', reader: 'readConversations' };
  if (Array.isArray(row['messages'])) return { format: 'messages of chats', reader: 'readConversations' };
  if (has('instruction', 'output')) return { format: 'Alpaca', reader: 'readInstructions' };
  if ((has('question') || has('problem')) && (has('answer') || has('solution'))) {
    return { format: 'problems', reader: 'readProblems' };
  }
  if (typeof row['text'] === 'string') return { format: 'plain documents', reader: 'load' };
  return undefined;
}
