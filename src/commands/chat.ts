import { createInterface } from 'node:readline';
import { defineCommand } from 'citty';
import { checkOneTfjs } from '../engine/one-tfjs.js';
import { TrainbookError } from '../error.js';
import type { Sample } from '../model/sample.js';
import type { Continuation } from '../serve/continuation.js';
import { projectRoot } from '../setup/project.js';
import { integerOption, UsageError } from './usage.js';

/** What the options of `chat` say. */
export interface ChatOptions {
  readonly temperature: number;
  readonly topP: number;
  readonly maxTokens: number;
  readonly seed: number;
}

function numberOption(name: string, text: string, holds: (value: number) => boolean, expected: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && holds(value)) return value;
  throw new UsageError(`--${name} needs ${expected}, not '${text}'`);
}

/**
 * The options as numbers.
 *
 * @throws UsageError for one that is out of range
 */
export function chatOptions(
  args: Readonly<Record<'temperature' | 'top-p' | 'max-tokens' | 'seed', string>>,
): ChatOptions {
  return {
    temperature: numberOption('temperature', args.temperature, (value) => value >= 0, 'a number of at least 0'),
    topP: numberOption('top-p', args['top-p'], (value) => value > 0 && value <= 1, 'a number above 0, at most 1'),
    maxTokens: numberOption(
      'max-tokens',
      args['max-tokens'],
      (value) => Number.isSafeInteger(value) && value > 0,
      'an integer of at least 1',
    ),
    seed: integerOption('seed', args.seed) ?? 1,
  };
}

/** Continues each line that is not empty, and writes the prompt with its continuation as it grows. */
export async function continueLines(
  lines: AsyncIterable<string>,
  continuation: Continuation,
  write: (text: string) => void,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const line of lines) {
    if (line.trim() === '') continue;
    write(line);
    samples.push(await continuation.next(line, write));
    write('\n\n');
  }
  return samples;
}

/** Reads prompts from the terminal. Ctrl-C ends a text that is being written; at the prompt it ends the chat, as Ctrl-D does. */
async function converse(continuation: Continuation): Promise<void> {
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
        output.write(line);
        await continuation.next(line, (text) => output.write(text), writing.signal);
        output.write('\n\n');
      } catch (error) {
        if (!(error instanceof TrainbookError)) throw error;
        stderr.write(`\n${error.message}\n`); // such as a prompt that is too long: the next may be shorter
      } finally {
        writing = undefined;
      }
    }
    lines.prompt();
  }
  output.write('\n');
}

export const chat = defineCommand({
  meta: { name: 'chat', description: 'Let the model of a run go on with your text, line by line' },
  args: {
    run: {
      type: 'positional',
      required: true,
      description: "The run's folder, such as runs/quickstart/2026-11-21-143502-3f9c",
    },
    temperature: { type: 'string', default: '0.8', description: 'Below 1 favours likely tokens; 0 always takes those' },
    'top-p': { type: 'string', default: '0.95', description: 'Draw from the likeliest tokens of this probability' },
    'max-tokens': { type: 'string', default: '200', description: 'Tokens to write for each line' },
    seed: { type: 'string', default: '1', valueHint: 'integer', description: 'Equal seeds give equal texts' },
    json: { type: 'boolean', description: 'Print the texts as one JSON value when stdin has ended' },
  },
  async run({ args }) {
    const options = chatOptions(args);
    const json = args.json === true;
    const interactive = process.stdin.isTTY && !json;
    checkOneTfjs(projectRoot());
    const [{ engineInfo }, { loadRunModel }] = await Promise.all([
      import('../engine/backend.js'),
      import('../serve/run-model.js'),
    ]);
    const runModel = await loadRunModel(args.run);
    const [{ startContinuation }, { key }] = await Promise.all([
      import('../serve/continuation.js'),
      import('../engine/key.js'),
    ]);
    const continuation = startContinuation(runModel, { ...options, key: key(options.seed) });
    const { architecture } = runModel.model;
    try {
      if (interactive) {
        process.stdout.write(
          `model ${runModel.stage}: ${architecture.numParameters.toLocaleString('en-US')} parameters, ` +
            `context ${architecture.config.context} tokens; engine: ${engineInfo().reason}\n` +
            'A base model: it goes on with your text, it does not answer. Each line begins anew; Ctrl-D ends.\n',
        );
        await converse(continuation);
        return 0;
      }
      const lines = createInterface({ input: process.stdin });
      const write = (text: string): boolean => process.stdout.write(text);
      const samples = await continueLines(lines, continuation, json ? () => undefined : write);
      if (json) write(`${JSON.stringify({ run: args.run, stage: runModel.stage, ...options, samples })}\n`);
      return 0;
    } finally {
      continuation.dispose();
    }
  },
});
