import { createInterface } from 'node:readline';
import { TrainbookError } from '../error.js';
import type { Sample } from '../model/sample.js';
import type { Answer } from '../serve/answering.js';
import type { Continuation } from '../serve/continuation.js';
import type { Dialogue } from '../serve/dialogue.js';
import { terminalText } from '../tokens/marked-text.js';

/** What a line does: it writes as it goes, and stops when the signal is aborted. */
export type TakeLine = (line: string, write: (text: string) => void, signal?: AbortSignal) => Promise<void>;

export const helpText = [
  '/system TEXT   another system prompt (without a text: none)',
  '/reset         forget what was said',
  '/show          the conversation as training sees it: what is learnt is marked',
  '/help          these lines',
  'Ctrl-C stops an answer; Ctrl-D ends.',
  '',
].join('\n');

/** Takes the lines of a conversation: commands, or questions whose answers are written as they grow. */
export function takeTurn(
  dialogue: Dialogue,
  colour: boolean,
  onAnswer: (answer: Answer) => void = () => undefined,
): TakeLine {
  return async (line, write, signal) => {
    const [, command, rest = ''] = /^\/(\w+)(?:\s+(.*))?$/su.exec(line.trim()) ?? [];
    switch (command) {
      case undefined: {
        const answer = await dialogue.ask(line, write, signal);
        onAnswer(answer);
        write(`\n${noteOf(answer)}\n`);
        return;
      }
      case 'system':
        dialogue.setSystem(rest === '' ? undefined : rest);
        write(rest === '' ? '(no system prompt)\n' : '(another system prompt; the conversation goes on)\n');
        return;
      case 'reset':
        dialogue.reset();
        write('(a new conversation)\n');
        return;
      case 'show': {
        const shown = dialogue.shown();
        write(shown === undefined ? '(nothing was said yet)\n' : `${terminalText(shown, colour)}\n`);
        return;
      }
      case 'help':
        write(helpText);
        return;
      default:
        write(`(no command /${command})\n${helpText}`);
    }
  };
}

/** What is worth knowing of an answer: why it ended early, and what the model did not see. */
function noteOf({ finish, numDropped, numTokens }: Answer): string {
  const ended: Partial<Record<Answer['finish'], string>> = {
    length: `cut off after ${numTokens} tokens: --max-tokens`,
    context: 'cut off: the context is full; /reset begins anew',
    interrupted: 'stopped',
  };
  const dropped = numDropped === 0 ? undefined : `the context is full: the oldest ${numDropped} turns were left out`;
  const notes = [ended[finish], dropped].filter((note) => note !== undefined);
  return notes.length === 0 ? '' : `(${notes.join('; ')})\n`;
}

/** Takes lines that the model goes on with, each anew. */
export function takePrompt(continuation: Continuation, onSample: (sample: Sample) => void = () => undefined): TakeLine {
  return async (line, write, signal) => {
    write(line);
    onSample(await continuation.next(line, write, signal));
    write('\n\n');
  };
}

/** Takes each line that is not empty. */
export async function takeLines(
  lines: AsyncIterable<string>,
  take: TakeLine,
  write: (text: string) => void,
): Promise<void> {
  for await (const line of lines) if (line.trim() !== '') await take(line, write);
}

/** Reads lines from the terminal. Ctrl-C ends a text that is being written; at the prompt it ends the chat, as Ctrl-D does. */
export async function converse(take: TakeLine): Promise<void> {
  const { stdin: input, stdout: output, stderr } = process;
  const lines = createInterface({ input, output, prompt: '> ' });
  let writing: AbortController | undefined;
  lines.on('SIGINT', () => {
    if (writing === undefined) lines.close();
    else writing.abort();
  });
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') {
      writing = new AbortController();
      try {
        await take(line, (text) => output.write(text), writing.signal);
      } catch (error) {
        if (!(error instanceof TrainbookError)) throw error;
        stderr.write(`\n${error.message}\n`); // such as a question that is too long: the next may be shorter
      } finally {
        writing = undefined;
      }
    }
    lines.prompt();
  }
  output.write('\n');
}
