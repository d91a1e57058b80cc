import { join } from 'node:path';
import { readJson, writeAtomic } from '../files.js';
import { generationFile } from '../model/generation-config.js';
import { saveModel } from '../model/model.js';
import { saveTokenizer } from '../tokens/tokenizer-codec.js';
import type { Pretrained } from './pretrained.js';

/**
 * Writes a model as a folder that transformers loads: config.json, model.safetensors (float32), tokenizer.json,
 * tokenizer_config.json (with the chat template in Jinja, where it was published with one) and generation_config.json. Gives the
 * hash of the weights.
 *
 * @example
 * await savePretrained(await loadPretrained('SmolLM2-135M-Instruct.Q4_1.gguf'), 'SmolLM2-135M-Instruct');
 */
export async function savePretrained(
  { model, tokenizer, jinja, generation }: Pick<Pretrained, 'model' | 'tokenizer' | 'jinja' | 'generation'>,
  folder: string,
): Promise<string> {
  await saveTokenizer(tokenizer, folder);
  if (jinja !== undefined) {
    const path = join(folder, 'tokenizer_config.json');
    const config = (await readJson(path)) as object;
    await writeAtomic(path, text({ ...config, ...jinja.variables, chat_template: jinja.jinja }));
  }
  await writeAtomic(join(folder, 'generation_config.json'), text(generationFile(generation)));
  return saveModel(model, folder);
}

const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
