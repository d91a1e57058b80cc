import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { readJson } from '../files.js';
import { openGguf } from '../model/files/gguf.js';
import { ggufGeneration, readGeneration } from '../model/generation-config.js';
import type { Generation } from '../model/generation-config.js';
import { ggufModel } from '../model/gguf-model.js';
import { loadModel } from '../model/model.js';
import type { Model } from '../model/model.js';
import { bind } from '../tokens/chat.js';
import type { Chat } from '../tokens/chat.js';
import type { SystemUserAssistant } from '../tokens/chat-templates.js';
import { templateOfJinja } from '../tokens/check-template.js';
import { ggufTokenizer } from '../tokens/gguf-tokenizer.js';
import { readJinja } from '../tokens/jinja.js';
import type { JinjaTemplate } from '../tokens/jinja.js';
import { loadTokenizer } from '../tokens/load-tokenizer.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { loadCheckpointTokenizer } from './checkpoint-tokenizer.js';
import { loadRunModel } from './run-model.js';

/** A model with all that is needed to let it write. */
export interface Pretrained {
  /** What was found, such as `GGUF file`. */
  readonly kind: string;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** The chat template that it was trained with; a base model has none. */
  readonly chat?: Chat<SystemUserAssistant>;
  /** Its chat template in Jinja, as it was published. */
  readonly jinja?: JinjaTemplate;
  /** Why there is no `chat` though there is a Jinja template. */
  readonly chatProblem?: TrainbookError;
  readonly generation: Generation;
}

/**
 * Loads a model, its tokenizer and its chat template from whatever holds them: a Hugging Face folder, a GGUF file (or a folder with
 * one), the folder of a run, or a checkpoint.
 *
 * @throws TrainbookError that says what was found and what was expected.
 * @example
 * const { model, tokenizer, chat } = await loadPretrained(modelFolder('SmolLM2-135M-Instruct'));
 */
export async function loadPretrained(path: string): Promise<Pretrained> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw nothingAt(path, 'no such file or folder');
  if (!found.isDirectory()) return loadFile(path);
  const names = await readdir(path);
  if (names.includes('spec.json')) {
    const { stage, model, tokenizer } = await loadRunModel(path);
    return { kind: `stage ${stage} of a run`, model, tokenizer, generation: { stops: [tokenizer.endOfText] } };
  }
  if (names.includes('config.json')) return loadFolder(path, names);
  const files = names.filter((name) => name.endsWith('.gguf'));
  const [file, second] = files;
  if (second !== undefined) throw nothingAt(path, `${files.length} GGUF files: ${files.join(', ')}; name one`);
  if (file !== undefined) return loadFile(join(path, file));
  const newest = names
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .at(-1);
  if (newest !== undefined) return loadPretrained(join(path, newest));
  throw nothingAt(path, names.length === 0 ? 'an empty folder' : `a folder with ${names.slice(0, 8).join(', ')}`);
}

function nothingAt(path: string, received: string): TrainbookError {
  return new TrainbookError({
    what: `loadPretrained: there is no model that can be read at ${path}`,
    received,
    expected:
      'a Hugging Face folder (config.json, weights, tokenizer.json), a GGUF file, the folder of a run (spec.json) or a checkpoint (step-…)',
  });
}

async function loadFile(path: string): Promise<Pretrained> {
  const handle = await open(path);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0).finally(() => handle.close());
  const begins = buffer.toString('latin1', 0, bytesRead);
  if (begins !== 'GGUF') {
    throw new TrainbookError({
      what: `loadPretrained: ${path} is no GGUF file`,
      received: `a file that begins with ${JSON.stringify(begins)}`,
      expected: 'a file that begins with "GGUF"; weights of other formats need their config and tokenizer beside them',
      fix: 'name the folder, not the file in it',
    });
  }
  const file = await openGguf(path);
  try {
    const tokenizer = ggufTokenizer(Object.fromEntries(file.metadata), path);
    const model = await ggufModel(file, path);
    const jinja = file.metadata.get('tokenizer.chat_template');
    const token = (name: string): string | undefined =>
      tokenizer.token(Number(file.metadata.get(`tokenizer.ggml.${name}_token_id`) ?? -1));
    const variables = Object.entries({ bos_token: token('bos'), eos_token: token('eos') }).flatMap(([name, text]) =>
      text === undefined ? [] : [[name, text] as const],
    );
    return {
      kind: 'GGUF file',
      model,
      tokenizer,
      generation: ggufGeneration(file.metadata),
      ...(typeof jinja === 'string'
        ? await chatOf({ jinja, variables: Object.fromEntries(variables) }, tokenizer)
        : {}),
    };
  } finally {
    await file.close();
  }
}

const typeSchema = z.looseObject({ model_type: z.string().optional() });
/** Models that read text and write none. */
const encoders = new Set(['bert', 'roberta', 'distilbert', 'xlm-roberta', 'electra', 'mpnet', 'deberta-v2']);

async function loadFolder(folder: string, names: readonly string[]): Promise<Pretrained> {
  const config = typeSchema.safeParse(await readJson(join(folder, 'config.json')));
  const type = config.data?.model_type;
  if (type !== undefined && encoders.has(type)) {
    throw new TrainbookError({
      what: `loadPretrained: the model in ${folder} is an encoder: it reads text and writes none`,
      received: `model_type ${JSON.stringify(type)}`,
      expected: 'a decoder, such as a model of the type llama, qwen2, qwen3 or gpt2',
    });
  }
  const isCheckpoint = names.includes('state.json') && names.includes('optimizer.safetensors');
  const tokenizer =
    isCheckpoint && !names.includes('tokenizer.json')
      ? await loadCheckpointTokenizer(folder)
      : await loadTokenizer(folder);
  const jinja = await jinjaOf(folder, names);
  return {
    kind: isCheckpoint ? 'checkpoint' : 'Hugging Face folder',
    model: await loadModel(folder),
    tokenizer,
    generation: await readGeneration(folder),
    ...(jinja === undefined ? {} : await chatOf(jinja, tokenizer)),
  };
}

async function jinjaOf(folder: string, names: readonly string[]): Promise<JinjaTemplate | undefined> {
  if (names.includes('chat_template.jinja')) return readJinja(folder);
  if (!names.includes('tokenizer_config.json')) return undefined;
  const config = (await readJson(join(folder, 'tokenizer_config.json'))) as { chat_template?: unknown };
  return config.chat_template == null ? undefined : readJinja(folder);
}

/** The typed template that renders what the Jinja does, with the tokenizer; or why there is none. */
async function chatOf(
  jinja: JinjaTemplate,
  tokenizer: Tokenizer,
): Promise<Pick<Pretrained, 'chat' | 'jinja' | 'chatProblem'>> {
  try {
    return { jinja, chat: bind(await templateOfJinja(jinja.jinja, jinja.variables), tokenizer) };
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    return { jinja, chatProblem: error };
  }
}

/** The tokens at which a model's text ends: those of its chat template, its publishers' and the end of the text. */
export function stopsOf({
  chat,
  generation,
  tokenizer,
}: Pick<Pretrained, 'chat' | 'generation' | 'tokenizer'>): ReadonlySet<number> {
  return new Set([...(chat?.stops ?? []), ...generation.stops, tokenizer.endOfText]);
}
