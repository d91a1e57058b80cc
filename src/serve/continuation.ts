import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { startDecoding } from '../model/decoding.js';
import type { Sample } from '../model/sample.js';
import { samplePlan } from '../model/sample-options.js';
import type { SampleChoice } from '../model/sample-options.js';
import { streamText } from '../model/stream.js';
import { stopsOf } from './pretrained.js';
import type { Pretrained } from './pretrained.js';

/** How prompts are continued; the options mean what they do in `sample`. */
export interface ContinuationOptions extends SampleChoice {
  readonly key: Key;
}

/** A model that is ready to continue one prompt after another. */
export interface Continuation {
  /** Continues a prompt; `write` gets the text as it grows. It stops early, with what there is, when `signal` is aborted. */
  next(prompt: string, write: (text: string) => void, signal?: AbortSignal): Promise<Sample>;
  dispose(): void;
}

/**
 * Makes a model ready to continue prompts, each from an empty context, with one compiled step for all. The n-th prompt's text is
 * that of the n-th prompt of `sample` with the same key and options.
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * const continuation = startContinuation(pretrained, { key: key(1), temperature: 0.8, topP: 0.95, maxTokens: 200 });
 * await continuation.next('ROMEO:', (text) => process.stdout.write(text));
 */
export function startContinuation(
  { model, tokenizer, generation = { stops: [] } }: Pick<Pretrained, 'model' | 'tokenizer'> & Partial<Pretrained>,
  { key, ...options }: ContinuationOptions,
): Continuation {
  const stops = [...stopsOf({ generation, tokenizer })];
  const plan = samplePlan('sample', { stops, ...options }, tokenizer);
  const decoding = startDecoding(model, { batch: 1, length: model.architecture.config.context });
  let count = 0;
  return {
    async next(prompt, write, signal) {
      const own = fold(key, count++);
      const { ids } = tokenizer.frame(tokenizer.encode(prompt));
      const stream = streamText(() => decoding, tokenizer, ids, { plan, key: own, signal });
      for await (const piece of stream) write(piece);
      const { text, numTokens, finish } = await stream.summary();
      return { prompt, text, numTokens, finish };
    },
    dispose() {
      decoding.dispose();
    },
  };
}
