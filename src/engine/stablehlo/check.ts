import { TrainbookError } from '../../error.js';
import type { PjrtClient } from '../pjrt/runtime.js';
import { rules as shapeRules } from '../rules/index.js';
import { type Attributes, type DType, type Elements, formatSpec, type Spec, type Trace } from '../trace.js';
import { printStableHlo } from './print.js';
import { ruleOf } from './registry.js';
import type { LoweringRule } from './rule.js';

/** An input of an op that is checked. */
export interface CheckedInput extends Spec {
  readonly elements: Elements;
  /** Whether the rule may look at the elements: axes, a shape. Default: no. */
  readonly known?: boolean;
}

export interface LoweringCheck {
  readonly op: string;
  readonly inputs: readonly CheckedInput[];
  readonly attributes?: Attributes;
  /** What is checked: a rule that is not registered yet. */
  readonly rule: LoweringRule;
  /** What it is compared with. Default: the rule that is in force. */
  readonly reference?: LoweringRule;
  /** The largest difference, relative to the larger of 1 and the number itself. Default: 1e-5. */
  readonly tolerance?: number;
}

/**
 * Runs an op by a rule and by the one that is in force, on the same inputs and device, and compares: equal within a tolerance, a NaN
 * only where the other has one. Gives the largest difference.
 *
 * @throws TrainbookError at the first number that differs by more, or if there is nothing to compare with.
 * @example
 * const client = PjrtClient.create(await installCpuPlugin());
 * const x = { dtype: 'float32', shape: [4], elements: Float32Array.of(-2, 0.5, 7, NaN) } as const;
 * await checkLowering(client, { op: 'Relu6', inputs: [x], rule: mine });
 */
export async function checkLowering(
  client: Pick<PjrtClient, 'compile' | 'put'>,
  { op, inputs, attributes = {}, rule, reference = ruleOf(op), tolerance = 1e-5 }: LoweringCheck,
): Promise<number> {
  const shapes = shapeRules[op];
  if (shapes === undefined || reference === undefined) {
    throw new TrainbookError({
      what: `checkLowering: nothing to compare the rule of ${op} with`,
      received: op,
      expected: 'an op that the library has a rule for, or a reference',
    });
  }
  const trace = traceOf(op, inputs, attributes);
  const [actual, expected] = [await run(client, trace, inputs, rule), await run(client, trace, inputs, reference)];
  let largest = 0;
  expected.forEach((wanted, output) => {
    const spec = trace.values[trace.outputs[output] ?? -1];
    wanted.forEach((number, place) => {
      const got = actual[output]?.[place] ?? NaN;
      const difference = differenceOf(got, number);
      largest = Math.max(largest, difference);
      if (difference <= tolerance) return;
      throw new TrainbookError({
        what: `checkLowering: the rule of ${op} differs from its reference at place ${place} of output ${output}`,
        received: `${got} (${spec === undefined ? '' : formatSpec(spec)})`,
        expected: `${number}, within ${tolerance}`,
      });
    });
  });
  return largest;
}

function traceOf(op: string, inputs: readonly CheckedInput[], attributes: Attributes): Trace {
  const specs = inputs.map(({ dtype, shape }): Spec => ({ dtype, shape }));
  const outputs =
    shapeRules[op]?.infer(
      inputs.map(({ known, elements }, index) => ({
        spec: specs[index] ?? { dtype: 'float32', shape: [] },
        constant: known === true ? elements : undefined,
      })),
      attributes,
    ) ?? [];
  const numbers = inputs.map((_, index) => index);
  const results = outputs.map((_, index) => inputs.length + index);
  return {
    name: op,
    values: [...specs, ...outputs],
    inputs: numbers.filter((index) => inputs[index]?.known !== true),
    outputs: results,
    constants: new Map(inputs.flatMap(({ known, elements }, index) => (known === true ? [[index, elements]] : []))),
    nodes: [{ op, inputs: numbers, outputs: results, attributes }],
  };
}

async function run(
  client: Pick<PjrtClient, 'compile' | 'put'>,
  trace: Trace,
  inputs: readonly CheckedInput[],
  rule: LoweringRule,
): Promise<number[][]> {
  const program = await client.compile(printStableHlo(trace, { rules: { [trace.name]: rule } })); // named by its op
  const given = inputs
    .filter(({ known }) => known !== true)
    .map(({ dtype, shape, elements }) => client.put({ dtype, shape }, elements));
  const outputs = await program.execute(given);
  const read = await Promise.all(outputs.map((output) => output.read()));
  for (const buffer of [...given, ...outputs]) buffer.destroy();
  program.destroy();
  return read.map((elements, index) => numbersOf(elements, trace.values[trace.outputs[index] ?? -1]?.dtype));
}

/** 0 for equal numbers, also infinite ones and two NaNs; ∞ for a NaN against a number. */
function differenceOf(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const difference = Math.abs(a - b) / Math.max(1, Math.abs(b));
  return Number.isNaN(difference) ? Infinity : difference;
}

/** The elements as numbers: half floats from their 16 bits. */
function numbersOf(elements: Elements, dtype: DType | undefined): number[] {
  const numbers = Array.from<number | bigint>(elements).map(Number);
  if (dtype === 'bfloat16') {
    return Array.from(new Float32Array(Uint32Array.from(numbers, (word) => word << 16).buffer));
  }
  return dtype === 'float16' ? numbers.map(fromHalf) : numbers;
}

/** (-1)^sign · 2^(exponent - 15) · 1.mantissa of a float16. */
function fromHalf(word: number): number {
  const [sign, exponent, mantissa] = [word >> 15 === 0 ? 1 : -1, (word >> 10) & 31, word & 1023];
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
