import { expect, it } from 'vitest';
import { binding } from '../../../src/engine/backend.js';
import { rules as shapeRules } from '../../../src/engine/rules/index.js';
import { printStableHlo } from '../../../src/engine/stablehlo/print.js';
import type { LoweringRules } from '../../../src/engine/stablehlo/rule.js';
import { addFunction } from '../../../src/engine/tensorflow/lower.js';
import { formatSpec } from '../../../src/engine/trace.js';
import type { Attributes, DType, Elements, Spec, Trace } from '../../../src/engine/trace.js';
import { testClient } from '../pjrt/cpu-plugin.js';

/** A tensor of a case; `known` while tracing, or an input of the trace. */
export interface Given extends Spec {
  readonly elements: Elements;
  readonly known?: boolean;
}

/** One use of an op. The result has to be that of TensorFlow's own kernel. */
export interface Case {
  readonly inputs: readonly Given[];
  readonly attributes?: Attributes;
  /** The largest difference, relative to the larger of 1 and the number itself. Integers and bools must be equal. */
  readonly tolerance?: number;
  /** How many of the outputs TensorFlow defines, where not all. */
  readonly numDefined?: number;
}

/** A trace of one op, its output specs from the shape rules of the engine. */
export function oneOp(op: string, { inputs, attributes = {} }: Case, line?: string): Trace {
  const rule = shapeRules[op];
  if (rule === undefined) throw new Error(`no shape rule for ${op}`);
  const outputs = rule.infer(
    inputs.map(({ elements, known, ...spec }) => (known === true ? { spec, constant: elements } : { spec })),
    attributes,
  );
  const numbers = inputs.map((_, index) => index);
  const results = outputs.map((_, index) => inputs.length + index);
  return {
    name: op,
    values: [...inputs.map(({ dtype, shape }) => ({ dtype, shape })), ...outputs],
    inputs: numbers.filter((index) => inputs[index]?.known !== true),
    outputs: results,
    constants: new Map(inputs.flatMap(({ known, elements }, index) => (known === true ? [[index, elements]] : []))),
    nodes: [{ op, inputs: numbers, outputs: results, attributes, ...(line === undefined ? {} : { line }) }],
  };
}

/** The outputs of a trace by the plugin. */
export async function runByPjrt(trace: Trace, inputs: readonly Given[]): Promise<Elements[]> {
  const client = testClient();
  const program = await client.compile(printStableHlo(trace));
  const buffers = inputs.map(({ elements, ...spec }) => client.put(spec, elements));
  const outputs = await program.execute(buffers);
  const read = await Promise.all(outputs.map((output) => output.read()));
  for (const buffer of [...buffers, ...outputs]) buffer.destroy();
  program.destroy();
  return read;
}

/** The outputs of a trace by TensorFlow's graph executor. */
export function runByTensorFlow(trace: Trace, inputs: readonly Given[]): Elements[] {
  const { context } = binding;
  const { c } = context;
  const name = addFunction(context, trace);
  const handles = inputs.map(({ elements, ...spec }) => context.newHandle(spec, elements));
  const results = context.execute(name, trace.outputs.length, (op, status) => {
    for (const handle of handles) c.addInput(op, handle, status);
  });
  const read = results.map((handle, index) => {
    const spec = trace.values[trace.outputs[index] ?? -1];
    if (spec === undefined) throw new Error('an output without a spec');
    return context.read(handle, spec) as Elements;
  });
  for (const handle of [...handles, ...results]) c.deleteHandle(handle);
  return read;
}

/** One use of an op, by its name. */
export interface NamedCase {
  readonly op: string;
  readonly given: Case;
}

/** Many uses in one trace, side by side: a program is compiled in a time that hardly depends on its size. */
export function joined(cases: readonly NamedCase[]): Trace {
  const trace = {
    values: [] as Spec[],
    inputs: [] as number[],
    outputs: [] as number[],
    constants: new Map<number, Elements>(),
    nodes: [] as Trace['nodes'][number][],
  };
  for (const { op, given } of cases) {
    const one = oneOp(op, given);
    const from = trace.values.length;
    const moved = (values: readonly number[]): number[] => values.map((value) => value + from);
    trace.values.push(...one.values);
    trace.inputs.push(...moved(one.inputs));
    trace.outputs.push(...moved(one.outputs));
    for (const [value, elements] of one.constants) trace.constants.set(value + from, elements);
    trace.nodes.push(
      ...one.nodes.map((node) => ({ ...node, inputs: moved(node.inputs), outputs: moved(node.outputs) })),
    );
  }
  return { name: 'cases', ...trace };
}

/** The outputs of each case. */
function parted(cases: readonly NamedCase[], outputs: readonly Elements[]): Elements[][] {
  const rest = [...outputs];
  return cases.map(({ op, given }) => rest.splice(0, oneOp(op, given).outputs.length));
}

const unknown = (cases: readonly NamedCase[]): Given[] =>
  cases.flatMap(({ given }) => given.inputs.filter(({ known: isKnown }) => isKnown !== true));

/** What the plugin gives for each case: all in one program, or each op in its own where that does not compile. */
async function allByPjrt(cases: readonly NamedCase[]): Promise<ReadonlyMap<NamedCase, Elements[] | Error>> {
  const run = async (some: readonly NamedCase[]): Promise<[NamedCase, Elements[] | Error][]> => {
    const outputs = parted(some, await runByPjrt(joined(some), unknown(some)));
    return some.map((given, index) => [given, outputs[index] ?? []]);
  };
  try {
    return new Map(await run(cases));
  } catch {
    const results: [NamedCase, Elements[] | Error][] = [];
    for (const op of new Set(cases.map(({ op: name }) => name))) {
      const some = cases.filter(({ op: name }) => name === op);
      results.push(
        ...(await run(some).catch((error: unknown) =>
          some.map((given) => [given, error as Error] as [NamedCase, Error]),
        )),
      );
    }
    return new Map(results);
  }
}

/** A test for each op of a file of rules: every rule has cases, and each case gives TensorFlow's numbers. */
export function testRules(rules: LoweringRules, cases: Readonly<Record<string, readonly Case[]>>): void {
  it('has cases for each rule', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(rules).sort());
  });
  const all = Object.entries(cases).flatMap(([op, list]) => list.map((given): NamedCase => ({ op, given })));
  let results: Promise<ReadonlyMap<NamedCase, Elements[] | Error>> | undefined;
  it.each(Object.keys(cases))('%s', { timeout: 300_000 }, async (op) => {
    results ??= allByPjrt(all);
    const found = await results;
    const some = all.filter(({ op: name }) => name === op);
    const expected = parted(some, runByTensorFlow(joined(some), unknown(some)));
    some.forEach((one, index) => {
      const actual = found.get(one);
      if (actual instanceof Error) throw actual;
      expectNumbers(one, actual ?? [], expected[index] ?? []);
    });
  });
}

/** Both targets give the same for each case; all that differ are told. */
export async function expectTensorFlowsNumbers(cases: readonly NamedCase[]): Promise<void> {
  const [trace, inputs] = [joined(cases), unknown(cases)];
  const expected = parted(cases, runByTensorFlow(trace, inputs));
  const actual = parted(cases, await runByPjrt(trace, inputs));
  const wrong = cases.flatMap((one, index) => {
    try {
      expectNumbers(one, actual[index] ?? [], expected[index] ?? []);
      return [];
    } catch (error) {
      return [`${(error as Error).message} ${JSON.stringify(one.given.inputs.map(({ elements }) => Array.from<number | bigint>(elements).map(String)))}`]; // prettier-ignore
    }
  });
  expect(wrong.join('\n')).toBe('');
}

function expectNumbers({ op, given }: NamedCase, actual: readonly Elements[], expected: readonly Elements[]): void {
  const trace = oneOp(op, given);
  expected.slice(0, given.numDefined).forEach((elements, index) => {
    const { dtype } = trace.values[trace.outputs[index] ?? -1] ?? { dtype: 'float32' };
    expectClose(asNumbers(actual[index] ?? new Uint8Array(), dtype), asNumbers(elements, dtype), {
      tolerance: given.tolerance ?? tolerances[dtype] ?? 2e-6,
      exact: !/float|complex/.test(dtype),
      what: `${op}(${given.inputs.map(formatSpec).join(', ')}) ${JSON.stringify(given.attributes ?? {})}`,
    });
  });
}

const tolerances: Readonly<Partial<Record<DType, number>>> = { bfloat16: 2 ** -8, float16: 2 ** -10, float64: 1e-12 };

function expectClose(
  actual: readonly (number | bigint)[],
  expected: readonly (number | bigint)[],
  { tolerance, exact, what }: { tolerance: number; exact: boolean; what: string },
): void {
  expect(actual.length, what).toBe(expected.length);
  const wrong = expected.flatMap((wanted, index) => {
    const got = actual[index] ?? NaN;
    if (Object.is(got, wanted) || (!exact && Number(got) === Number(wanted))) return [];
    const [a, b] = [Number(got), Number(wanted)];
    if (!exact && Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b))) return [];
    return [`[${index}] ${String(got)} instead of ${String(wanted)}`];
  });
  expect(wrong.slice(0, 5).join('; '), what).toBe('');
}

/** The elements as numbers: half floats from their 16 bits. */
function asNumbers(elements: Elements, dtype: DType): (number | bigint)[] {
  if (dtype === 'float16') return Array.from(elements as Uint16Array, fromHalf);
  if (dtype !== 'bfloat16') return Array.from<number | bigint>(elements);
  const words = Uint32Array.from(elements as Uint16Array, (word) => word << 16);
  return Array.from(new Float32Array(words.buffer));
}

/** (-1)^sign · 2^(exponent - 15) · 1.mantissa of a float16. */
function fromHalf(word: number): number {
  const [sign, exponent, mantissa] = [word >> 15 === 0 ? 1 : -1, (word >> 10) & 31, word & 1023];
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Numbers spread over [low, high] without a pattern: fractions of multiples of the golden ratio. */
export function spread(shape: readonly number[], low = -2, high = 2, offset = 0): Given {
  const size = shape.reduce((product, length) => product * length, 1);
  const elements = Float32Array.from({ length: size }, (_, index) => {
    const fraction = ((index + offset + 1) * 0.6180339887498949) % 1;
    return low + (high - low) * fraction;
  });
  return { dtype: 'float32', shape, elements };
}

export const floats = (shape: readonly number[], ...values: number[]): Given => ({
  dtype: 'float32',
  shape,
  elements: Float32Array.from(values),
});

export const integers = (shape: readonly number[], ...values: number[]): Given => ({
  dtype: 'int32',
  shape,
  elements: Int32Array.from(values),
});

export const bools = (shape: readonly number[], ...values: number[]): Given => ({
  dtype: 'bool',
  shape,
  elements: Uint8Array.from(values),
});

/** Rounded towards zero to the upper 16 bits. */
export function bfloat16(given: Given): Given {
  const words = new Uint32Array(Float32Array.from(given.elements as Float32Array).buffer);
  return { ...given, dtype: 'bfloat16', elements: Uint16Array.from(words, (word) => word >>> 16) };
}

/** Known while tracing: a vector of int32, as shapes and axes come. */
export const known = (...values: number[]): Given => ({ ...integers([values.length], ...values), known: true });

/** Known while tracing: one int32. */
export const knownScalar = (value: number): Given => ({ ...integers([], value), known: true });

/** What float arithmetic treats in its own way. */
export const special = floats([8], NaN, Infinity, -Infinity, 0, -0, 1e-40, 3.4e38, -2.5);
