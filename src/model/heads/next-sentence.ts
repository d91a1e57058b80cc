import { sequenceClassification } from './sequence-classification.js';
import type { SequenceClassification } from './sequence-classification.js';
import type { Trunk } from './head.js';

/**
 * Whether the second sentence of a pair follows the first: class 0 says that it does. tanh of a linear layer of the first token
 * ([CLS]; the same layer as that of `pooler`), then two logits: Devlin 2018, "BERT" (1810.04805), section 3.1. `sentencePairs` makes
 * the pairs.
 *
 * @example
 * const logits = nextSentence(trunk).forward(weights.head, trunk.forward(weights.trunk, tokens, { types, documents })); // [batch, 2]
 */
export function nextSentence(trunk: Trunk): SequenceClassification {
  return sequenceClassification(trunk, { classes: ['next', 'other'] });
}
