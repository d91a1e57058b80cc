/** Ops whose output shape only the data tells: none can be traced, each error says what to do instead. */
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuseDataDependentShape } from './refuse.js';

const dependent =
  (unknown: string, fix: string): RuleMaker =>
  (op) => ({
    infer: () => refuseDataDependentShape(op, unknown, fix),
  });

const outside = 'call it outside of the compiled function and pass the result in';

export const dataDependent = named({
  Where: dependent(
    'how many elements are true',
    `use tf.where(condition, a, b) or multiply by a mask, both keep the shape; or ${outside}`,
  ),
  UniqueV2: dependent('how many elements differ', outside),
  NonMaxSuppressionV3: dependent(
    'how many boxes stay',
    `use tf.image.nonMaxSuppressionPadded with padToMaxOutputSize; or ${outside}`,
  ),
  DecodeJpeg: dependent('the size of the picture', outside),
  DecodePng: dependent('the size of the picture', outside),
  DecodeBmp: dependent('the size of the picture', outside),
  DecodeGif: dependent('the size of the picture', outside),
});
