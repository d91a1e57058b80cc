import type { Key } from '../../engine/key.js';
import type { Tokenizer } from '../../tokens/tokenizer.js';
import type { Finish } from '../generate.js';
import { samplePlan } from '../sample-options.js';
import type { SampleChoice } from '../sample-options.js';
import { writeTexts } from '../write-texts.js';
import type { WrittenTail } from '../write-texts.js';
import type { EncoderDecoderModel } from './encoder-decoder-model.js';
import { startTargetDecoding } from './target-decoding.js';

/** A source and what the model wrote to it. A type, not an interface, so that it counts as JSON. */
export type TargetSample = {
  readonly source: string;
  /** What was generated, without a stop token or a stop string. */
  readonly text: string;
  /** Tokens that were generated, without a stop token. */
  readonly numTokens: number;
  readonly finish: Finish;
};

/** How to write: `sampleOptions` says what each option means; at temperature 0 the likeliest token is taken. */
export interface GenerateTargetsOptions extends SampleChoice {
  readonly key: Key;
}

/**
 * Writes a target to each source, up to a stop token, a stop string or `maxTokens`. A source is read as `tokenizer.frame` frames it, as
 * in T5 with its `</s>`. Each token's draw has a key of its own, folded from the source's number and the position.
 *
 * @throws TrainbookError if an option is out of range, or a source has no tokens.
 * @example
 * const [sample] = await generateTargets(model, tokenizer, ['summarize: …'], { temperature: 0, key: key(1) });
 */
export async function generateTargets(
  model: EncoderDecoderModel,
  tokenizer: Tokenizer,
  sources: readonly string[],
  { key, ...options }: GenerateTargetsOptions,
): Promise<TargetSample[]> {
  const plan = samplePlan('generateTargets', options, tokenizer);
  if (sources.length === 0) return [];
  const ids = sources.map((source) => tokenizer.frame(tokenizer.encode(source)).ids);
  const { startToken } = model.architecture.config;
  const decoding = await startTargetDecoding(model, ids, { length: Math.max(1, plan.maxTokens) });
  const beginnings = sources.map(() => [startToken]);
  const written = await writeTexts(decoding, tokenizer, beginnings, { plan, key });
  return sources.map((source, sequence) => ({ source, ...(written[sequence] as WrittenTail) }));
}
