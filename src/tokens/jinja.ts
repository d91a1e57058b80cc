// tokenizer_config.json: {"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|eot_id|>", …},
//   "chat_template": "{% for message in messages %}…"} or [{"name": "default", "template": "…"}, …];
// newer folders have the template by itself, in chat_template.jinja.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Turn } from './conversation.js';

/** A chat template in Jinja, and the variables that it expects, such as `bos_token`. */
export interface JinjaTemplate {
  readonly jinja: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** What a Jinja template is given to render. */
export interface JinjaInput {
  readonly messages: readonly Turn[];
  /** Whether the text ends where an answer begins. */
  readonly add_generation_prompt: boolean;
}

/** What came of it: a text, or what the template or its interpreter said instead. */
export type JinjaResult = { readonly text: string } | { readonly error: string };

const tokenText = z.union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)]);

const configSchema = z.looseObject({
  bos_token: tokenText.nullish(),
  eos_token: tokenText.nullish(),
  pad_token: tokenText.nullish(),
  unk_token: tokenText.nullish(),
  chat_template: z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish(),
});

/**
 * The Jinja chat template of a published tokenizer's folder: `chat_template.jinja`, or `chat_template` in
 * `tokenizer_config.json` (of several, the one named default).
 *
 * @throws TrainbookError if the folder has none, or `tokenizer_config.json` cannot be read
 * @example
 * const { jinja, variables } = await readJinja('models/SmolLM2-135M-Instruct');
 */
export async function readJinja(folder: string): Promise<JinjaTemplate> {
  const path = join(folder, 'tokenizer_config.json');
  const text = await readIfThere(path);
  const config = text === undefined ? {} : parseConfig(text, path);
  const { chat_template: inside } = config;
  const listed = typeof inside === 'string' ? inside : inside?.find(({ name }) => name === 'default')?.template;
  const jinja = (await readIfThere(join(folder, 'chat_template.jinja'))) ?? listed;
  if (jinja === undefined) {
    throw new TrainbookError({
      what: `readJinja: ${folder} has no chat template`,
      received: text === undefined ? 'no tokenizer_config.json' : 'a tokenizer_config.json without chat_template',
      expected: 'chat_template.jinja, or chat_template in tokenizer_config.json',
      fix: 'a base model has none: choose one, such as chatMl',
    });
  }
  const variables = Object.entries(config).flatMap(([key, value]) =>
    key.endsWith('_token') && typeof value === 'string' ? [[key, value] as const] : [],
  );
  return { jinja, variables: Object.fromEntries(variables) };
}

function parseConfig(text: string, path: string): z.output<typeof configSchema> {
  try {
    return configSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TrainbookError({
      what: `${path} is no tokenizer_config.json`,
      received: cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause),
      expected: 'JSON with chat_template as a text or a list of { name, template }',
      cause,
    });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Rendering all conversations takes milliseconds. */
const SECONDS = 5;
/** Starting a process takes a tenth of a second, on a busy machine more. */
const SECONDS_IN_ALL = 30;
/** Memory of the process in which a template runs, in MiB. */
const MEMORY = 128;

/**
 * The program of that process. `strftime_now` is not there: a template that follows the clock would render something else
 * tomorrow; published ones then take the date that is written in them. `range` is Python's.
 */
const program = `
const { readFileSync } = require('node:fs');
const { runInThisContext } = require('node:vm');
const { interpreter, jinja, variables, inputs } = JSON.parse(readFileSync(0, 'utf8'));
const { Environment, Interpreter, parse, tokenize } = require(interpreter);
const range = (start, stop, step = 1) => {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, index) => from + index * step);
};
const raise_exception = (message) => { throw new Error(message); };
const globals = { true: true, false: false, none: null, True: true, False: false, None: null, range, raise_exception };
globalThis.renderAll = () => {
  const program = parse(tokenize(jinja, { lstrip_blocks: true, trim_blocks: true }));
  return inputs.map((input) => {
    try {
      const environment = new Environment();
      for (const [name, value] of Object.entries({ ...variables, ...input, ...globals })) environment.set(name, value);
      return { text: new Interpreter(environment).run(program).value };
    } catch (error) {
      if (error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      return { error: String(error?.message ?? error) };
    }
  });
};
try {
  console.log(JSON.stringify({ results: runInThisContext('renderAll()', { timeout: ${SECONDS * 1000} }) }));
} catch (error) {
  const ended = error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
  console.log(JSON.stringify({ refused: ended ? 'it still ran after ${SECONDS} s' : String(error?.message ?? error) }));
}
`;

const answerSchema = z.union([
  z.object({ results: z.array(z.union([z.object({ text: z.string() }), z.object({ error: z.string() })])) }),
  z.object({ refused: z.string() }),
]);

/**
 * Renders conversations with a Jinja template. The template is code from elsewhere: it runs in a process of its own with 5
 * seconds and 128 MiB, so that one which never ends, or asks for all memory, ends in an error. (A thread would not do: one
 * that runs out of memory can end the whole process.)
 *
 * @throws TrainbookError if the template is no Jinja that the interpreter knows, or does not end
 */
export async function renderJinja(
  { jinja, variables }: JinjaTemplate,
  inputs: readonly JinjaInput[],
): Promise<readonly JinjaResult[]> {
  const interpreter = createRequire(import.meta.url).resolve('@huggingface/jinja');
  const output = await runProgram(JSON.stringify({ interpreter, jinja, variables, inputs }));
  const answer = answerSchema.parse(JSON.parse(output));
  if ('results' in answer) return answer.results;
  throw refused(answer.refused);
}

function runProgram(input: string): Promise<string> {
  const options = { env: {}, timeout: SECONDS_IN_ALL * 1000, killSignal: 'SIGKILL', maxBuffer: MEMORY << 20 } as const;
  return new Promise((resolve, reject) => {
    const flags = [`--max-old-space-size=${MEMORY}`, '--eval', program];
    const { stdin } = execFile(process.execPath, flags, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (/out of memory|Allocation failed|invalid (array|table) (length|size)/i.test(stderr))
        reject(refused(`it needs more than ${MEMORY} MiB of memory`));
      else reject(refused(error.message.slice(0, 500), error));
    });
    // A process that ended early has closed its input; what it said, or its end, is reported above.
    stdin?.on('error', () => undefined);
    stdin?.end(input);
  });
}

function refused(received: string, cause?: unknown): TrainbookError {
  return new TrainbookError({
    what: 'the Jinja chat template cannot be run',
    received,
    expected: 'Jinja as chat templates have it, which renders a few turns at once',
    cause,
  });
}
