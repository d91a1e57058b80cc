/**
 * The names of metrics that have a meaning of their own: `trainbook watch` and `trainbook runs` know them. A stage writes
 * them by `metrics(step, { [name]: value })`; a name may have a group before it or after it (`sft/accuracy`, `loss/router`).
 *
 * | name | unit | who writes it |
 * |---|---|---|
 * | `loss` | nats per token, or the objective's own | every training, each step |
 * | `heldOutLoss` | nats per token | evaluations of a training |
 * | `tokensPerSecond` | tokens/s | every training of a language model, each step |
 * | `accuracy` | 0 to 1 | evaluations of a fine-tuning: `evaluate: (model) => ({ accuracy: … })` |
 * | `latencySeconds` | s | a stage that generates or serves: one row for each request, `step` counts them |
 */
export const metricNames = {
  loss: 'loss',
  heldOutLoss: 'heldOutLoss',
  tokensPerSecond: 'tokensPerSecond',
  accuracy: 'accuracy',
  latencySeconds: 'latencySeconds',
} as const;

const falling = /(loss|perplexity|latency|seconds|joules|bytes|error|errors|bits ?per ?byte|nats)$/iu;
const rising = /(accuracy|score|f1|auc|recall|precision|reward|persecond|rouge|bleu)$/iu;

/** The last part of a metric's name that is a known word: `sft/accuracy` is an accuracy, `loss/router` a loss. */
function matches(name: string, pattern: RegExp): boolean {
  return name.split('/').some((part) => pattern.test(part));
}

/** Whether lower or higher values of a metric are better; undefined where its name does not say. */
export function better(name: string): 'lower' | 'higher' | undefined {
  if (matches(name, rising)) return 'higher';
  return matches(name, falling) ? 'lower' : undefined;
}

/** Whether a metric is one of those called `known`, with or without a group: `isCalled('sft/accuracy', 'accuracy')`. */
export function isCalled(name: string, known: string): boolean {
  return name === known || name.split('/').includes(known);
}
