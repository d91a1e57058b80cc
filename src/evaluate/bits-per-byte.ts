import { TrainbookError } from '../error.js';
import type { Summary } from '../figure.js';
import type { Model } from '../model/model.js';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import type { Packed } from '../tokens/pack.js';
import { heldOutLoss } from '../train/held-out.js';

/** How well a model predicts a text. A type, not an interface, so that it counts as JSON. */
export type Score = {
  /** Mean nats per token. Depends on the tokenizer. */
  readonly nats: number;
  /** Bits per UTF-8 byte of the text. Comparable between tokenizers. */
  readonly bitsPerByte: number;
  /** Tokens that counted. */
  readonly tokens: number;
  /** Bytes of the text that they stand for. */
  readonly bytes: number;
};

/**
 * The cross-entropy of a model on packed text: nats = Σ −log p(token) / tokens, and bitsPerByte = nats · tokens / (ln 2 · bytes).
 * Every token of the text counts once; those early in a row have little before them to go by, so a longer context scores
 * better on the same text.
 *
 * @throws TrainbookError if nothing counts, or the rows are longer than the model's context.
 * @example
 * const { bitsPerByte } = await evaluate(model, pack(corpus.heldOut, tokenizer, 256));
 */
export async function evaluate(
  model: Model,
  packed: Packed,
  { batchSize = 8, progress = silent }: { readonly batchSize?: number; readonly progress?: OnProgress } = {},
): Promise<Score> {
  const { context } = model.architecture.config;
  if (packed.context > context || packed.numTokens === 0 || packed.numBytes === 0) {
    throw new TrainbookError({
      what: 'evaluate: this text cannot be scored',
      received: `rows of ${packed.context} tokens, ${packed.numTokens} tokens and ${packed.numBytes} bytes in all`,
      expected: `rows of at most ${context} tokens, at least one token and one byte`,
      fix: 'pack held-out documents with config.model.context',
    });
  }
  const measure = heldOutLoss(model.architecture, batchSize);
  const total = Math.ceil(packed.numRows / batchSize);
  const { nats, tokens } = await measure(model.weights, packed, (done) => {
    progress({ task: 'evaluate', done, total });
  });
  return { nats, bitsPerByte: (nats * tokens) / (Math.LN2 * packed.numBytes), tokens, bytes: packed.numBytes };
}

/** What a report shows of a score. */
export function summariseScore({ nats, bitsPerByte, tokens, bytes }: Score): Summary {
  return {
    title: 'Held-out text',
    facts: {
      'bits per byte': Number(bitsPerByte.toFixed(4)),
      'nats per token': Number(nats.toFixed(4)),
      perplexity: Number(Math.exp(nats).toFixed(2)),
      tokens,
      'text (bytes)': bytes,
    },
  };
}
