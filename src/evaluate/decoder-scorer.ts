import { TrainbookError } from '../error.js';
import { tokenScorer } from '../model/log-probabilities.js';
import type { Model } from '../model/model.js';
import type { Tokenizer } from '../tokens/tokenizer.js';

/** How likely a model finds a text. A `Scorer`: `perplexity({ model: decoderScorer(model, tokenizer), … })` filters by it. */
export interface DecoderScored {
  /** ln p of all tokens of the text. */
  readonly logProbability: number;
  /** Tokens of the text. */
  readonly units: number;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** −ln p / (ln 2 · bytes): comparable between tokenizers, as perplexity is not. */
  readonly bitsPerByte: number;
}

export interface DecoderScorerOptions {
  /** Windows that are computed at a time. Default: 8. */
  readonly batchSize?: number;
  /**
   * How many tokens a window goes on after the one before it, 1 to the context less one: the rest of it is seen again and not counted, so that
   * each token has at least context − stride before it. Default: as many as fit, the fastest.
   */
  readonly stride?: number;
}

/**
 * A decoder as a scorer of texts. A text stands behind the token that ends the one before (`endOfText`), as in training, so that its first
 * token is predicted too; one that is longer than the context is scored in windows, each beginning with the last tokens of the one before.
 *
 * @throws TrainbookError if the stride does not fit the context.
 * @example
 * const scorer = decoderScorer(model, tokenizer);
 * const { bitsPerByte } = await scorer.score('To be, or not to be');
 * await corpus.through(perplexity({ model: scorer, quantile: 0.9 }));
 */
export function decoderScorer(
  model: Model,
  tokenizer: Pick<Tokenizer, 'encode' | 'endOfText'>,
  { batchSize = 8, stride }: DecoderScorerOptions = {},
): { score(text: string): Promise<DecoderScored> } {
  const { context } = model.architecture.config;
  const step = stride ?? context - 1;
  if (!Number.isInteger(step) || step < 1 || step >= context) {
    throw new TrainbookError({
      what: 'decoderScorer: no such stride',
      received: step,
      expected: `a whole number from 1 to ${context - 1}, one less than the model’s context`,
    });
  }
  const scoreRows = tokenScorer(model, { batchSize });
  return {
    score: async (text) => {
      const tokens = [tokenizer.endOfText, ...tokenizer.encode(text)];
      const windows = windowsOf(tokens.length, context, step);
      const scores = await scoreRows(windows.map(({ start, end }) => tokens.slice(start, end)));
      let logProbability = 0;
      windows.forEach(({ start, from, end }, index) => {
        // scores[j] is that of the token at start + j + 1
        for (let at = from; at < end; at++) logProbability += scores[index]?.[at - start - 1] ?? 0;
      });
      const bytes = Buffer.byteLength(text);
      return { logProbability, units: tokens.length - 1, bytes, bitsPerByte: -logProbability / (Math.LN2 * bytes) };
    },
  };
}

/** Windows over `length` tokens: start … end − 1 is seen, from … end − 1 is counted. Each token but the first is counted once. */
export function windowsOf(
  length: number,
  context: number,
  step: number,
): readonly { readonly start: number; readonly from: number; readonly end: number }[] {
  const windows: { start: number; from: number; end: number }[] = [];
  let from = 1;
  while (from < length) {
    const end = from === 1 ? Math.min(context, length) : Math.min(from + step, length);
    windows.push({ start: Math.max(0, end - context), from, end });
    from = end;
  }
  return windows;
}
