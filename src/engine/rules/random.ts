/** Random numbers. What is drawn is a function of a key and counter: the stateless form is the same in every process. */
import { typeOf } from './attributes.js';
import { indexTypes, reals, requireDtype } from './dtypes.js';
import { knownNumber, knownSizes, requireRank, sameShape, sizeAt, takeInputs } from './inputs.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

/** Bits of a counter-based generator: key uint64[1], counter uint64[1 or more] (Philox takes 2), alg a scalar. */
const fullInt: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [shape, key, counter, algorithm] = takeInputs(op, inputs, 'shape', 'key', 'counter', 'alg');
    requireDtype(op, indexTypes, shape);
    requireDtype(op, ['uint64'], key, counter);
    requireDtype(op, ['int32'], algorithm);
    requireRank(op, inputs, algorithm, 0, 'alg');
    if (!sameShape(key.spec.shape, [1])) refuse(op, inputs, 'the key is not one word', 'a key of [1]');
    requireRank(op, inputs, counter, 1, 'counter');
    if (sizeAt(counter.spec, 0) < 2) refuse(op, inputs, 'the counter is too short for Philox', 'a counter of [2]');
    return [{ dtype: typeOf(attributes, 'dtype', 'uint64'), shape: knownSizes(op, 'shape', shape) }];
  },
});

/** Draws by logits [batch, classes] → [batch, num_samples]. A stateful op: each run draws anew. */
const multinomial: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [logits, countInput] = takeInputs(op, inputs, 'logits', 'num_samples');
    requireDtype(op, reals, logits);
    requireRank(op, inputs, logits, 2, 'logits');
    const count = knownNumber(op, 'num_samples', countInput);
    if (count < 0) refuse(op, inputs, `num_samples is ${count}`, 'num_samples >= 0');
    const batch = sizeAt(logits.spec, 0);
    if (sizeAt(logits.spec, 1) === 0 && batch > 0) refuse(op, inputs, 'no classes to draw from', 'at least one class');
    return [{ dtype: typeOf(attributes, 'output_dtype', 'int64'), shape: [batch, count] }];
  },
});

export const random = named({ StatelessRandomUniformFullIntV2: fullInt, Multinomial: multinomial });
