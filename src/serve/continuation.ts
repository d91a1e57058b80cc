import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { drawToken } from '../model/choose-token.js';
import type { Choice } from '../model/choose-token.js';
import { startDecoding } from '../model/decoding.js';
import { generate } from '../model/generate.js';
import type { Finish } from '../model/generate.js';
import type { Sample } from '../model/sample.js';
import { decodedText } from './decoded-text.js';
import { stopsOf } from './pretrained.js';
import type { Pretrained } from './pretrained.js';

/** How prompts are continued; the options mean what they do in `sample`. */
export interface ContinuationOptions extends Choice {
  readonly key: Key;
  readonly maxTokens: number;
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
 * @example
 * const continuation = startContinuation(pretrained, { key: key(1), temperature: 0.8, topP: 0.95, maxTokens: 200 });
 * await continuation.next('ROMEO:', (text) => process.stdout.write(text));
 */
export function startContinuation(
  { model, tokenizer, generation = { stops: [] } }: Pick<Pretrained, 'model' | 'tokenizer'> & Partial<Pretrained>,
  { key, temperature, topP, maxTokens }: ContinuationOptions,
): Continuation {
  const decoding = startDecoding(model, { batch: 1, length: model.architecture.config.context });
  const stops = stopsOf({ generation, tokenizer });
  let count = 0;
  return {
    async next(prompt, write, signal) {
      const own = fold(key, count++);
      const grown = decodedText(tokenizer);
      const pieces: string[] = [];
      const add = (text: string): void => {
        pieces.push(text);
        if (text !== '') write(text);
      };
      let numTokens = 0;
      let finish: Finish = 'length';
      const choose = (logits: Float32Array, _sequence: number, position: number): number =>
        drawToken(logits, { temperature, topP }, fold(own, position));
      const { ids } = tokenizer.frame(tokenizer.encode(prompt));
      for await (const generated of generate(decoding, [ids], { choose, maxTokens })) {
        finish = stops.has(generated.token) ? 'stop' : (generated.finish ?? finish);
        if (finish === 'stop') break;
        numTokens += 1;
        add(grown.push(generated.token));
        if (signal?.aborted === true) break;
      }
      add(grown.end());
      return { prompt, text: pieces.join(''), numTokens, finish };
    },
    dispose() {
      decoding.dispose();
    },
  };
}
