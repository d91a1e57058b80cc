import type { Key } from '../engine/key.js';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import type { Finish } from './generate.js';
import { samplePlan } from './sample-options.js';
import type { SampleChoice } from './sample-options.js';
import { writeTexts } from './write-texts.js';
import type { WrittenTail } from './write-texts.js';
import { startWriting } from './writer.js';
import type { Writer } from './writer.js';

/** A prompt and how the model went on. A type, not an interface, so that it counts as JSON. */
export type Sample = {
  readonly prompt: string;
  /** What was generated, without the prompt, a stop token or a stop string. */
  readonly text: string;
  /** Tokens that were generated, without a stop token. */
  readonly numTokens: number;
  readonly finish: Finish;
};

/** How to sample: `sampleOptions` says what each option means. */
export interface SampleOptions extends SampleChoice {
  readonly key: Key;
  readonly progress?: OnProgress;
  /** Receives for each prompt, counted from 1, the seconds until its text was whole: `latencySeconds`. */
  readonly metrics?: (request: number, values: Record<string, number>) => void;
}

/**
 * Continues each prompt up to a stop token, a stop string, `maxTokens` or the end of the model's context. Each token's draw has a
 * key of its own, folded from the prompt's number and the position: the same key gives the same text, and a prompt's text
 * does not depend on the other prompts but for rounding in the last digits of the logits.
 *
 * @throws TrainbookError if an option is out of range, a prompt is empty or longer than the context.
 * @example
 * const [sample] = await sample(model, tokenizer, ['ROMEO:'], { temperature: 0.7, topP: 0.9, key: key(1) });
 */
export async function sample(
  model: Writer,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  { key, progress = silent, metrics, ...options }: SampleOptions,
): Promise<Sample[]> {
  const plan = samplePlan('sample', options, tokenizer);
  if (prompts.length === 0) return [];
  const { maxTokens } = plan;
  const ids = prompts.map((prompt) => tokenizer.encode(prompt));
  const length = roomFor(model, ids, maxTokens);
  const began = performance.now();
  const seconds = prompts.map(() => 0);
  let longest = 0;
  const written = await writeTexts(startWriting(model, { batch: prompts.length, length }), tokenizer, ids, {
    plan,
    key,
    onToken: (sequence, numTokens) => {
      seconds[sequence] = (performance.now() - began) / 1000; // of its last token so far
      longest = Math.max(longest, numTokens);
      progress({ task: 'sample', done: longest, total: maxTokens });
    },
  });
  for (const [index, latencySeconds] of seconds.entries()) metrics?.(index + 1, { latencySeconds });
  return prompts.map((prompt, sequence) => ({ prompt, ...(written[sequence] as WrittenTail) }));
}

/** Tokens that a decoding of prompts needs room for: the last one generated is not read. */
export function roomFor(model: Writer, prompts: readonly (readonly number[])[], maxTokens: number): number {
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  return Math.min(model.architecture.config.context, longest + Math.max(0, maxTokens - 1));
}
