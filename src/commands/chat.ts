import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { defineCommand } from 'citty';
import { checkOneTfjs } from '../engine/one-tfjs.js';
import { TrainbookError } from '../error.js';
import { modelFolder, publishedModels } from '../model/published.js';
import type { Sample } from '../model/sample.js';
import type { Answer } from '../serve/answering.js';
import type { Pretrained } from '../serve/pretrained.js';
import { projectRoot } from '../setup/project.js';
import { bind } from '../tokens/chat.js';
import type { Chat } from '../tokens/chat.js';
import type { SystemUserAssistant } from '../tokens/chat-templates.js';
import { type ChatOptions, chatOptions, samplingFor, templates } from './chat-options.js';
import { converse, helpText, takeLines, takePrompt, takeTurn, type TakeLine } from './chat-terminal.js';
import { chooseDevice, deviceArg } from './device-option.js';
import { UsageError } from './usage.js';

/**
 * Where a model lies: a path as it is, or the folder of a published model.
 *
 * @throws TrainbookError if there is neither.
 */
export function modelPath(named: string): string {
  if (existsSync(named)) return named;
  if (!/[/\\]/.test(named)) return modelFolder(named);
  throw new TrainbookError({
    what: `chat: there is nothing at ${named}`,
    received: 'no such file or folder',
    expected: `a run, a checkpoint, a Hugging Face folder, a GGUF file, or one of ${Object.keys(publishedModels).join(', ')}`,
  });
}

/** The model's chat, or the one that `--template` asks for. */
function chatFor({ chat, tokenizer }: Pretrained, { template }: ChatOptions): Chat<SystemUserAssistant> | undefined {
  return template === undefined ? chat : bind(template, tokenizer);
}

/** What takes the lines, what it has made so far as JSON, and how to end it. */
interface Session {
  readonly take: TakeLine;
  readonly result: () => object;
  readonly dispose: () => void;
}

async function startSession(
  pretrained: Pretrained,
  chat: Chat<SystemUserAssistant> | undefined,
  options: ChatOptions,
): Promise<Session> {
  const { key } = await import('../engine/key.js');
  const { maxTokens, seed, system } = options;
  const how = { ...samplingFor(options, pretrained.generation), maxTokens };
  if (chat === undefined) {
    if (system !== undefined)
      throw new UsageError('--system needs a chat model, or --template: this one goes on with text');
    const { startContinuation } = await import('../serve/continuation.js');
    const continuation = startContinuation(pretrained, { ...how, key: key(seed) });
    const samples: Sample[] = [];
    return {
      take: takePrompt(continuation, (sample) => samples.push(sample)),
      result: () => ({ ...how, seed, samples }),
      dispose: () => {
        continuation.dispose();
      },
    };
  }
  const [{ startAnswering }, { startDialogue }] = await Promise.all([
    import('../serve/answering.js'),
    import('../serve/dialogue.js'),
  ]);
  const answering = startAnswering({ ...pretrained, chat }, { ...how, key: key(seed) });
  const dialogue = startDialogue(chat, answering, system);
  const answers: Answer[] = [];
  const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  return {
    take: takeTurn(dialogue, colour, (answer) => answers.push(answer)),
    result: () => ({ ...how, seed, template: chat.template.name, turns: dialogue.turns, answers }),
    dispose: () => {
      answering.dispose();
    },
  };
}

export const chat = defineCommand({
  meta: { name: 'chat', description: 'Talk to a chat model, or let a base model go on with your text' },
  args: {
    model: {
      type: 'positional',
      required: true,
      description: `A run's folder, a checkpoint, a Hugging Face folder, a GGUF file, or a name: ${Object.keys(publishedModels)[0] ?? ''}`,
    },
    system: { type: 'string', description: 'The system prompt of a conversation' },
    template: { type: 'string', description: `Another chat template: ${Object.keys(templates).join(', ')}` },
    temperature: {
      type: 'string',
      description: "Below 1 favours likely tokens; 0 always takes those (the model's own, or 0.8)",
    },
    'top-p': {
      type: 'string',
      description: "Draw from the likeliest tokens of this probability (the model's own, or 0.95)",
    },
    'top-k': { type: 'string', description: 'Draw only from this many likeliest tokens' },
    'min-p': { type: 'string', description: "Draw only from tokens with this part of the likeliest one's probability" },
    'repetition-penalty': { type: 'string', description: 'Above 1 avoids tokens that were there before' },
    'max-tokens': { type: 'string', description: 'Tokens to write for each line (200)' },
    seed: { type: 'string', valueHint: 'integer', description: 'Equal seeds give equal texts (1)' },
    ...deviceArg,
    json: { type: 'boolean', description: 'Print what was said as one JSON value when stdin has ended' },
  },
  async run({ args }) {
    const options = chatOptions(args);
    const path = modelPath(args.model);
    const json = args.json === true;
    checkOneTfjs(projectRoot());
    await chooseDevice(args.device);
    const [{ engineInfo }, { loadPretrained }] = await Promise.all([
      import('../engine/backend.js'),
      import('../serve/pretrained.js'),
    ]);
    const pretrained = await loadPretrained(path);
    const bound = chatFor(pretrained, options);
    if (bound === undefined && pretrained.chatProblem !== undefined) {
      const names = Object.keys(templates).join(', ');
      process.stderr.write(
        `${pretrained.chatProblem.message}\nIt goes on with text; --template (${names}) makes it a chat.\n`,
      );
    }
    const session = await startSession(pretrained, bound, options);
    const write = (text: string): boolean => process.stdout.write(text);
    try {
      if (process.stdin.isTTY && !json) {
        const { architecture } = pretrained.model;
        write(
          `${pretrained.kind}: ${architecture.numParameters.toLocaleString('en-US')} parameters, ` +
            `context ${architecture.config.context} tokens; engine: ${engineInfo().reason}\n` +
            (bound === undefined
              ? 'A base model: it goes on with your text, it does not answer. Each line begins anew; Ctrl-D ends.\n'
              : `Chat template ${bound.template.name}.\n${helpText}`),
        );
        await converse(session.take);
        return 0;
      }
      const lines = createInterface({ input: process.stdin });
      await takeLines(lines, session.take, json ? () => undefined : write);
      if (json) write(`${JSON.stringify({ model: args.model, kind: pretrained.kind, ...session.result() })}\n`);
      return 0;
    } finally {
      session.dispose();
    }
  },
});
