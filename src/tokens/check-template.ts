import { TrainbookError } from '../error.js';
import { rolesAfter } from './chat-template.js';
import type { ChatTemplate } from './chat-template.js';
import { chatMl, llama3Chat, llama31Chat, qwen2Chat, qwen25Chat, smolLm2Chat } from './chat-templates.js';
import type { SystemUserAssistant } from './chat-templates.js';
import { parseConversation, parseQuestion } from './conversation.js';
import type { Turn } from './conversation.js';
import { renderJinja } from './jinja.js';
import type { JinjaInput, JinjaResult } from './jinja.js';
import { chatText, promptText } from './render.js';

/** As far as turns are tried: a system prompt and two rounds; a template that treats the last round otherwise shows by then. */
const MOST_TURNS = 5;

/** Contents in which templates have been seen to differ: white space, line ends, scripts, quotes, thoughts, nothing. */
const contents = [
  'Hello',
  '  white space around it \n',
  'two\n\nlines\r\n\tand a tab',
  '你好，世界 👩‍👩‍👧 é e\u0301',
  `"quoted" 'quoted' <b>&amp;</b> {{ 1 + 1 }} {% if %} \\n`,
  '<think>\nplan\n</think>\n\nanswer',
  '',
];

/** How a template renders one conversation, both ways. */
interface Difference {
  readonly turns: readonly Turn[];
  readonly forAnswer: boolean;
  readonly typed: string;
  readonly jinja: JinjaResult;
}

/**
 * Holds a typed template against a published one: renders conversations through both, of every order of roles up to five
 * turns, with contents that templates treat in different ways, whole and as prompts.
 *
 * @param jinja the published template's text; it is not trusted (see `renderJinja`)
 * @param variables what it expects besides messages: `bos_token`, `eos_token`, …
 * @throws TrainbookError that shows the first difference, or says why the Jinja cannot be run
 * @example
 * const { jinja, variables } = await readJinja('models/SmolLM2-135M-Instruct');
 * await checkTemplate(smolLm2Chat, jinja, variables);
 */
export async function checkTemplate(
  template: ChatTemplate,
  jinja: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const probes = probesOf(template);
  const difference = firstDifference(template, probes, await renderJinja({ jinja, variables }, probes));
  if (difference === undefined) return;
  const { turns, forAnswer, typed } = difference;
  const roles = turns.map(({ role }) => role).join(', ');
  const place = difference.jinja;
  const at = 'text' in place ? commonLength(typed, place.text) : 0;
  throw new TrainbookError({
    what: `checkTemplate: ${template.name} is not what the Jinja template says, for ${roles}${forAnswer ? ' and a prompt' : ''}`,
    received:
      'text' in place ? `from Jinja, from character ${at} on: ${around(place.text, at)}` : saidInstead(place.error),
    expected: `from ${template.name}: ${around(typed, at)}`,
    fix: 'take the template that templateOfJinja finds, or write one with chatTemplate; else a model is trained on other prompts than it is served with',
  });
}

/** The templates of published models. */
export const publishedTemplates: readonly ChatTemplate<SystemUserAssistant>[] = [
  chatMl,
  qwen2Chat,
  qwen25Chat,
  smolLm2Chat,
  llama3Chat,
  llama31Chat,
];

/**
 * The typed template that renders what a published one does.
 *
 * @throws TrainbookError if there is none, with where each first differs; or if the Jinja cannot be run
 * @example
 * const { jinja, variables } = await readJinja('models/SmolLM2-135M-Instruct');
 * const template = await templateOfJinja(jinja, variables); // smolLm2Chat
 */
export async function templateOfJinja(
  jinja: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<ChatTemplate<SystemUserAssistant>> {
  const probes = probesOf(chatMl); // All have the same order of roles.
  const results = await renderJinja({ jinja, variables }, probes);
  const tried: string[] = [];
  for (const template of publishedTemplates) {
    const difference = firstDifference(template, probes, results);
    if (difference === undefined) return template;
    const { typed, jinja: result } = difference;
    const at = 'text' in result ? commonLength(typed, result.text) : 0;
    const other = 'text' in result ? around(result.text, at) : saidInstead(result.error);
    tried.push(`${template.name} has ${around(typed, at)}, the Jinja template ${other}`);
  }
  throw new TrainbookError({
    what: 'templateOfJinja: no template here renders what this one does',
    received: tried.join('\n    '),
    expected: `one of ${publishedTemplates.map(({ name }) => name).join(', ')}`,
    fix: 'write it with chatTemplate, and hold it against the Jinja template with checkTemplate',
  });
}

function firstDifference(
  template: ChatTemplate,
  probes: readonly JinjaInput[],
  results: readonly JinjaResult[],
): Difference | undefined {
  for (const [index, { messages, add_generation_prompt: forAnswer }] of probes.entries()) {
    const jinja = results[index] ?? { error: 'nothing' };
    const typed = forAnswer
      ? promptText(template, parseQuestion(template, messages))
      : chatText(template, parseConversation(template, messages));
    if (!('text' in jinja) || jinja.text !== typed) return { turns: messages, forAnswer, typed, jinja };
  }
  return undefined;
}

/** Every order of roles up to `MOST_TURNS`, with every content in every turn; those that end before an answer are prompts. */
function probesOf({ order }: ChatTemplate): readonly JinjaInput[] {
  const orders: (readonly string[])[] = order.first.map((role) => [role]);
  for (const roles of orders) {
    if (roles.length < MOST_TURNS) for (const role of rolesAfter(order, roles.at(-1))) orders.push([...roles, role]);
  }
  return orders.flatMap((roles) => {
    const last = roles.at(-1) ?? '';
    const forAnswer = rolesAfter(order, last).includes(order.answer);
    if (!forAnswer && last !== order.answer) return [];
    return contents.map((_, shift) => ({
      messages: roles.map((role, index) => ({ role, content: contents[(index + shift) % contents.length] ?? '' })),
      add_generation_prompt: forAnswer,
    }));
  });
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** Characters shown before and after a difference. */
const BEFORE = 24;
const AFTER = 48;

/** A text around a place, quoted, so that white space is seen. */
function around(text: string, at: number): string {
  const from = Math.max(0, at - BEFORE);
  const to = Math.min(text.length, at + AFTER);
  const cut = text.slice(from, to);
  return `${from > 0 ? '…' : ''}${JSON.stringify(cut)}${to < text.length ? '…' : ''}`;
}

function saidInstead(error: string): string {
  return `no text, but the error ${JSON.stringify(error.slice(0, 200))}`;
}
