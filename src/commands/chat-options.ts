import type { ChoiceOptions } from '../model/choice.js';
import type { Generation } from '../model/generation-config.js';
import type { SystemUserAssistant } from '../tokens/chat-templates.js';
import { chatMl, llama3Chat, llama31Chat, qwen2Chat, qwen25Chat, smolLm2Chat } from '../tokens/chat-templates.js';
import type { ChatTemplate } from '../tokens/chat-template.js';
import { integerOption, UsageError } from './usage.js';

/** What `--template` may name. */
export const templates: Readonly<Record<string, ChatTemplate<SystemUserAssistant>>> = {
  chatml: chatMl,
  llama3: llama3Chat,
  'llama3.1': llama31Chat,
  qwen2: qwen2Chat,
  'qwen2.5': qwen25Chat,
  smollm2: smolLm2Chat,
};

/** What the options of `chat` say; for what is not said the model's own numbers count, and then those of `usual`. */
export interface ChatOptions {
  readonly sampling: ChoiceOptions;
  readonly maxTokens: number;
  readonly seed: number;
  readonly system?: string;
  readonly template?: ChatTemplate<SystemUserAssistant>;
}

/** The options of `chat` as the command line has them. */
export type ChatArguments = Readonly<
  Partial<
    Record<
      | 'temperature'
      | 'top-p'
      | 'top-k'
      | 'min-p'
      | 'repetition-penalty'
      | 'max-tokens'
      | 'seed'
      | 'system'
      | 'template',
      string
    >
  >
>;

/** How models are sampled that say nothing of it. */
const usual: ChoiceOptions = { temperature: 0.8, topP: 0.95 };

function numberOption(
  name: string,
  text: string | undefined,
  holds: (value: number) => boolean,
  expected: string,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && holds(value)) return value;
  throw new UsageError(`--${name} needs ${expected}, not '${text}'`);
}

/**
 * The options as numbers.
 *
 * @throws UsageError for one that is out of range
 */
export function chatOptions(args: ChatArguments): ChatOptions {
  const temperature = numberOption('temperature', args.temperature, (value) => value >= 0, 'a number of at least 0');
  const topP = numberOption('top-p', args['top-p'], (value) => value > 0 && value <= 1, 'a number above 0, at most 1');
  const topK = numberOption(
    'top-k',
    args['top-k'],
    (value) => Number.isSafeInteger(value) && value > 0,
    'an integer of at least 1',
  );
  const minP = numberOption('min-p', args['min-p'], (value) => value >= 0 && value <= 1, 'a number from 0 to 1');
  const repetitionPenalty = numberOption(
    'repetition-penalty',
    args['repetition-penalty'],
    (value) => value > 0,
    'a number above 0',
  );
  const maxTokens = numberOption(
    'max-tokens',
    args['max-tokens'],
    (value) => Number.isSafeInteger(value) && value > 0,
    'an integer of at least 1',
  );
  const { system, template } = args;
  if (template !== undefined && !Object.hasOwn(templates, template)) {
    throw new UsageError(`--template is one of ${Object.keys(templates).join(', ')}, not '${template}'`);
  }
  const named = template === undefined ? undefined : templates[template];
  return {
    sampling: given({ temperature, topP, topK, minP, repetitionPenalty }),
    maxTokens: maxTokens ?? 200,
    seed: integerOption('seed', args.seed) ?? 1,
    ...(system === undefined ? {} : { system }),
    ...(named === undefined ? {} : { template: named }),
  };
}

/** What is not undefined. */
function given(options: Readonly<Record<keyof ChoiceOptions, number | undefined>>): ChoiceOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** How the next token is drawn: what the command line says, else the model's publishers, else the usual. The one place for it. */
export function samplingFor({ sampling }: ChatOptions, generation: Generation): ChoiceOptions {
  const { temperature, topP, topK, minP, repetitionPenalty } = generation;
  return { ...usual, ...given({ temperature, topP, topK, minP, repetitionPenalty }), ...sampling };
}
