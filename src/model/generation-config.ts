import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { readJson } from '../files.js';
import type { Json } from '../files.js';
import type { MetadataValue } from './files/stored-tensor.js';

/*
 * generation_config.json of a Hugging Face folder; folders before 2022 have the ids in config.json alone:
 *
 * {"bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "do_sample": true, "temperature": 0.6, "top_p": 0.9}
 */

/** How those who published a model let it write. What is not said is left to whoever generates. */
export interface Generation {
  /** Ids of the tokens at which a text ends. */
  readonly stops: readonly number[];
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
}

const ids = z.union([
  z
    .int()
    .nonnegative()
    .transform((id) => [id]),
  z.array(z.int().nonnegative()),
]);

const schema = z.looseObject({
  eos_token_id: ids.nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().nonnegative().nullish(),
  top_p: z.number().positive().max(1).nullish(),
  top_k: z.int().nonnegative().nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
});

/**
 * What `generation_config.json` of a folder says, or else the ids in `config.json`. Numbers for sampling count where the model is
 * meant to be sampled (`do_sample`).
 *
 * @throws TrainbookError if the file is there and cannot be read.
 * @example
 * const { stops, temperature = 0.8 } = await readGeneration('models/Qwen2.5-0.5B-Instruct');
 */
export async function readGeneration(folder: string): Promise<Generation> {
  for (const name of ['generation_config.json', 'config.json']) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined)) === undefined) continue;
    const parsed = schema.safeParse(await readJson(path));
    if (!parsed.success) {
      throw new TrainbookError({
        what: `${path} does not say how to generate`,
        received: z.prettifyError(parsed.error),
        expected: '{"eos_token_id": 2, "temperature": 0.6, "top_p": 0.9, …}',
      });
    }
    const { eos_token_id: stops, do_sample: sampled, ...numbers } = parsed.data;
    if (name === 'generation_config.json' || stops != null) {
      return { stops: stops ?? [], ...(sampled === true ? samplingOf(numbers) : {}) };
    }
  }
  return { stops: [] };
}

function samplingOf(numbers: Omit<z.output<typeof schema>, 'eos_token_id' | 'do_sample'>): Omit<Generation, 'stops'> {
  const { temperature, top_p: topP, top_k: topK, min_p: minP, repetition_penalty: repetitionPenalty } = numbers;
  const given = Object.entries({ temperature, topP, topK, minP, repetitionPenalty }).filter(
    ([, value]) => value != null,
  );
  return Object.fromEntries(given);
}

/** The contents of a generation_config.json. */
export function generationFile({ stops, temperature, topP, topK, minP, repetitionPenalty }: Generation): Json {
  const numbers = { temperature, top_p: topP, top_k: topK, min_p: minP, repetition_penalty: repetitionPenalty };
  const given = Object.entries(numbers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ...(stops.length === 0 ? {} : { eos_token_id: stops.length === 1 ? (stops[0] ?? 0) : [...stops] }),
    ...(given.length === 0 ? {} : { do_sample: true, ...Object.fromEntries(given) }),
  };
}

/** The tokens at which a text of a GGUF file's model ends: that of the text, of a turn, of a message. */
export function ggufGeneration(metadata: ReadonlyMap<string, MetadataValue>): Generation {
  const found = ['eos', 'eot', 'eom'].map((name) => metadata.get(`tokenizer.ggml.${name}_token_id`));
  return { stops: [...new Set(found.filter((id) => typeof id === 'number'))] };
}
