import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { drawToken } from './choose-token.js';
import { startDecoding } from './decoding.js';
import { generate } from './generate.js';
import type { Finish } from './generate.js';
import type { Model } from './model.js';

/** A prompt and how the model went on. A type, not an interface, so that it counts as JSON. */
export type Sample = {
  readonly prompt: string;
  /** What was generated, without the prompt and the end-of-text token. */
  readonly text: string;
  readonly numTokens: number;
  readonly finish: Finish;
};

/** How to sample. */
export interface SampleOptions {
  readonly key: Key;
  /** Divides the logits; 0 always takes the likeliest token. Default 1. */
  readonly temperature?: number;
  /** Draw only from the likeliest tokens that together have this probability. Default 1: from all. */
  readonly topP?: number;
  /** Tokens to generate for each prompt. Default 200. */
  readonly maxTokens?: number;
  readonly progress?: OnProgress;
}

/**
 * Continues each prompt up to an end-of-text token, `maxTokens` or the end of the model's context. Each token's draw has a
 * key of its own, folded from the prompt's number and the position: the same key gives the same text, and a prompt's text
 * does not depend on the other prompts but for rounding in the last digits of the logits.
 *
 * @throws TrainbookError if an option is out of range, a prompt is empty or longer than the context.
 * @example
 * const [sample] = await sample(model, tokenizer, ['ROMEO:'], { temperature: 0.7, topP: 0.9, key: key(1) });
 */
export async function sample(
  model: Model,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  options: SampleOptions,
): Promise<Sample[]> {
  const { key, temperature = 1, topP = 1, maxTokens = 200, progress = silent } = options;
  checkOptions({ temperature, topP, maxTokens });
  if (prompts.length === 0) return [];
  const ids = prompts.map((prompt) => tokenizer.encode(prompt));
  const longest = Math.max(...ids.map((prompt) => prompt.length));
  const { context } = model.architecture.config;
  const length = Math.min(context, longest + Math.max(0, maxTokens - 1));
  const decoding = startDecoding(model, { batch: prompts.length, length });
  const generated = prompts.map((): number[] => []);
  const finishes = prompts.map((): Finish => 'length');
  try {
    const choose = (logits: Float32Array, sequence: number, position: number): number =>
      drawToken(logits, { temperature, topP }, fold(fold(key, sequence), position));
    for await (const { sequence, token, finish } of generate(decoding, ids, {
      choose,
      maxTokens,
      stop: tokenizer.endOfText,
    })) {
      if (finish !== 'stop') generated[sequence]?.push(token);
      if (finish !== undefined) finishes[sequence] = finish;
      progress({ task: 'sample', done: Math.max(...generated.map((tokens) => tokens.length)), total: maxTokens });
    }
  } finally {
    decoding.dispose();
  }
  return prompts.map((prompt, sequence) => {
    const tokens = generated[sequence] ?? [];
    return { prompt, text: tokenizer.decode(tokens), numTokens: tokens.length, finish: finishes[sequence] ?? 'length' };
  });
}

function checkOptions(options: { temperature: number; topP: number; maxTokens: number }): void {
  const rules = {
    temperature: { holds: options.temperature >= 0, expected: 'a number >= 0' },
    topP: { holds: options.topP > 0 && options.topP <= 1, expected: 'a number in (0, 1]' },
    maxTokens: {
      holds: Number.isInteger(options.maxTokens) && options.maxTokens >= 0,
      expected: 'a whole number >= 0',
    },
  };
  for (const [name, { holds, expected }] of Object.entries(rules)) {
    if (holds) continue;
    throw new TrainbookError({
      what: `sample: ${name} is out of range`,
      received: options[name as keyof typeof rules],
      expected,
    });
  }
}
