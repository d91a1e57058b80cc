import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, surroundings } from '../engine/library.js';
import type { Surroundings } from '../engine/library.js';
import { TrainbookError } from '../error.js';

/** The published models that `npx trainbook setup --models` fetches, and what each is. */
export const publishedModels = {
  /** A chat model, a Llama of 135 million parameters in one GGUF file: Ben Allal et al. 2025, "SmolLM2" (2502.02737). */
  'SmolLM2-135M-Instruct': 'a small chat model (GGUF)',
  /** An encoder that places sentences in a space: Reimers and Gurevych 2019, "Sentence-BERT" (1908.10084). */
  'all-MiniLM-L6-v2': 'a small encoder of sentences (safetensors)',
  /** The vocabulary of the Qwen models: `qwen.tiktoken`. */
  qwen: 'a vocabulary of 151,643 tokens (tiktoken)',
} as const;

export type PublishedModel = keyof typeof publishedModels;

/** Where published models are kept, a folder each: `TRAINBOOK_MODELS`, or `models` in the user's cache folder. */
export function modelsFolder(around: Surroundings = surroundings()): string {
  const own = around.environment['TRAINBOOK_MODELS'];
  return own === undefined || own === '' ? join(cacheFolder(around), 'models') : own;
}

/**
 * The folder of a published model that the set-up has fetched. Other folders beside them are found by their names too.
 *
 * @throws TrainbookError if it is not there; it names the command that fetches it.
 * @example
 * const { model, tokenizer, chat } = await loadPretrained(modelFolder('SmolLM2-135M-Instruct'));
 */
export function modelFolder(name: PublishedModel | (string & {}), around: Surroundings = surroundings()): string {
  const names = Object.keys(publishedModels);
  const found = names.find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
  const folder = join(modelsFolder(around), found);
  if (existsSync(folder)) return folder;
  throw new TrainbookError({
    what: `modelFolder: the model ${found} is not here`,
    received: `no ${folder}`,
    expected: `one of ${names.join(', ')}, fetched before`,
    fix: 'npx trainbook setup --models fetches them; TRAINBOOK_MODELS names the folder where they lie',
  });
}
