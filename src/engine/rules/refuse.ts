import { TrainbookError } from '../../error.js';
import { formatSpec } from '../trace.js';
import type { RuleInput } from '../trace.js';

/** `[2, 3]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/**
 * Refuses shapes or dtypes that an op cannot take, with all of them named: `MatMul: [2, 3] x [2, 3]: inner sizes differ`.
 *
 * @throws TrainbookError always
 */
export function refuse(op: string, inputs: readonly RuleInput[], problem: string, expected?: string): never {
  throw new TrainbookError({
    what: `${op}: ${inputs.map(({ spec }) => formatShape(spec.shape)).join(' x ')}: ${problem}`,
    received: inputs.map(({ spec }) => formatSpec(spec)).join(', '),
    ...(expected === undefined ? {} : { expected }),
  });
}

/**
 * Refuses an op whose output shape only the data tells: shapes in a trace are static.
 *
 * @param unknown what would have to be known: an input such as `` `shape` ``, or what the data decides
 * @throws TrainbookError always
 */
export function refuseDataDependentShape(op: string, unknown: string, fix: string): never {
  throw new TrainbookError({
    what: `${op}: its shape would depend on data: ${unknown} is not known while tracing`,
    expected: 'shapes that follow from the shapes of the inputs and from numbers',
    fix,
  });
}
