/** How likely a text is to a model. */
export interface Scored {
  /** ln p of all units of the text, given what came before each. */
  readonly logProbability: number;
  /** Units that were predicted: words or tokens, and ends of sentences where the model predicts those. 0: nothing to score. */
  readonly units: number;
}

/**
 * Anything that says how likely a text is: an n-gram model (`ngramScorer`), a decoder with its tokenizer (`decoderScorer`), or a
 * function of your own.
 *
 * @example
 * const uniform: Scorer = { score: (text) => ({ logProbability: -text.length * Math.log(27), units: text.length }) };
 */
export interface Scorer {
  score(text: string): Scored | Promise<Scored>;
}

/**
 * perplexity = exp(−ln p / units): among how many equally likely units the model chose, on average. It depends on what the units
 * are: those of two models with different units, or of texts in two languages, cannot be compared.
 *
 * @example
 * perplexityOf({ logProbability: -3 * Math.log(8), units: 3 }); // 8
 */
export function perplexityOf({ logProbability, units }: Scored): number {
  return Math.exp(-logProbability / units);
}
