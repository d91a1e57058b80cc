/** Compares a rule with TensorFlow, which executes the same op on the same inputs. */
import { expect } from 'vitest';
import { binding } from '../../../src/engine/backend.js';
import { TrainbookError } from '../../../src/error.js';
import { rules } from '../../../src/engine/rules/index.js';
import type { HostData } from '../../../src/engine/tensorflow/context.js';
import { TensorFlowError, typedView } from '../../../src/engine/tensorflow/context.js';
import type { Attributes, DType, Elements, Rule, RuleInput, Spec } from '../../../src/engine/trace.js';
import { bytesOf, formatSpec, sizeOf } from '../../../src/engine/trace.js';

/** A tensor as TensorFlow gets it; the rule sees its elements only where it is known. */
export interface Operand {
  readonly spec: Spec;
  readonly data: HostData;
  readonly known: boolean;
}

/** Zeros that the rule does not know. */
export function tensor(shape: readonly number[], dtype: DType = 'float32'): Operand {
  const spec: Spec = { dtype, shape };
  const size = sizeOf(shape);
  if (dtype === 'string') return { spec, data: Array.from({ length: size }, () => Buffer.from('a')), known: false };
  return { spec, data: typedView(new ArrayBuffer(bytesOf(spec)), spec), known: false };
}

/** The same tensor, filled with one number. */
export function filled(shape: readonly number[], dtype: DType, value: number): Operand {
  const operand = tensor(shape, dtype);
  const elements = operand.data as Elements;
  for (let index = 0; index < elements.length; index++) {
    elements[index] = dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value;
  }
  return operand;
}

function constant(shape: readonly number[], values: readonly number[], dtype: DType): Operand {
  const operand = tensor(shape, dtype);
  const elements = operand.data as Elements;
  for (const [index, value] of values.entries()) {
    elements[index] = dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value;
  }
  return { ...operand, known: true };
}

/** A vector that is known while tracing: axes, a shape. */
export const vector = (values: readonly number[], dtype: DType = 'int32'): Operand =>
  constant([values.length], values, dtype);

/** A scalar that is known while tracing. */
export const scalar = (value: number, dtype: DType = 'int32'): Operand => constant([], [value], dtype);

/** A matrix of known rows: paddings. */
export const rows = (values: readonly (readonly number[])[], dtype: DType = 'int32'): Operand =>
  constant([values.length, 2], values.flat(), dtype);

export interface Call {
  readonly op: string;
  readonly inputs: readonly Operand[];
  readonly attributes?: Attributes;
  readonly numOutputs?: number;
}

export function ruleOf(op: string): Rule {
  const rule = rules[op];
  if (rule === undefined) throw new Error(`no rule for ${op}`);
  return rule;
}

/** What the rule says, or refuses with. A plain Error is a mistake in rule or test and goes through. */
export function inferred({ op, inputs, attributes = {} }: Call): readonly Spec[] | TrainbookError {
  const ruleInputs = inputs.map(({ spec, data, known }): RuleInput =>
    known ? { spec, constant: data as Elements } : { spec },
  );
  try {
    return ruleOf(op).infer(ruleInputs, attributes);
  } catch (error) {
    if (error instanceof TrainbookError) return error;
    throw error;
  }
}

/** The attributes that say how many inputs a list has: an eager op with a list needs them. */
function listAttributes({ op, inputs }: Call): Attributes {
  const { list } = ruleOf(op);
  if (op === 'XlaOptimizationBarrier' || op === 'IdentityN')
    return { T: { types: inputs.map(({ spec }) => spec.dtype) } };
  if (list === undefined) return {};
  const values = list === 'all' ? inputs : inputs.slice(0, -1);
  return { N: { int: values.length }, T: { type: values[0]?.spec.dtype ?? 'float32' } };
}

/**
 * oneDNN's convolutions (CPUs with AVX-512) end the process where ranks differ, read past the end of explicit paddings that are too few
 * and give the input back where the result is empty: there the engine answers before TensorFlow is asked.
 */
function isAnsweredByRule(call: Call): boolean {
  if (!/^(DepthwiseConv|Conv)/.test(call.op)) return false;
  const ours = inferred(call);
  const ranks = call.inputs.filter(({ known }) => !known).map(({ spec }) => spec.shape.length);
  if (ours instanceof Error) return new Set(ranks).size > 1 || call.attributes?.['explicit_paddings'] !== undefined;
  return ours.every(({ shape }) => sizeOf(shape) === 0);
}

/** What TensorFlow gives, or its refusal. */
export function executed(call: Call): readonly Spec[] | Error {
  const ids = call.inputs.map(({ spec, data }) => binding.addHost(spec, data));
  try {
    const attributes = { ...listAttributes(call), ...call.attributes };
    const run = isAnsweredByRule(call) ? binding.run.bind(binding) : binding.execute.bind(binding);
    const outputs = run(call.op, ids, attributes, call.numOutputs ?? 1);
    const specs = outputs.map((id) => binding.specOf(id));
    for (const id of outputs) binding.deleteTensor(id);
    return specs;
  } catch (error) {
    if (error instanceof TensorFlowError || error instanceof TrainbookError) return error;
    throw error;
  } finally {
    for (const id of ids) binding.deleteTensor(id);
  }
}

const show = (result: readonly Spec[] | Error): string =>
  result instanceof Error ? `refused: ${result.message}` : result.map(formatSpec).join(', ');

/** Both take the call and give the same shapes and dtypes. */
export function expectSame(call: Call): void {
  const [truth, ours] = [executed(call), inferred(call)];
  expect(truth, `TensorFlow's ${call.op} ${show(truth)}`).not.toBeInstanceOf(Error);
  expect(show(ours), call.op).toBe(show(truth));
}

/** Both refuse the call. `words` are in our message. */
export function expectRefused(call: Call, words?: string): void {
  const [truth, ours] = [executed(call), inferred(call)];
  expect(truth, `TensorFlow's ${call.op} gives ${show(truth)}`).toBeInstanceOf(Error);
  expect(ours, `our ${call.op} gives ${show(ours)}, TensorFlow ${show(truth)}`).toBeInstanceOf(TrainbookError);
  if (words !== undefined) expect((ours as TrainbookError).message).toContain(words);
}

/** Whether TensorFlow's refusal is about the types that the op is defined for (not about a missing kernel or a shape). */
export function isTypeRefusal(result: readonly Spec[] | Error): boolean {
  return (
    result instanceof Error &&
    /not in the list of allowed values|is not one of|expected to be a|incompatible with expected/.test(result.message)
  );
}

/** Whether TensorFlow knows the op for this dtype, but has no code for it on this machine. */
export function isMissingKernel(result: readonly Spec[] | Error): boolean {
  return (
    result instanceof Error &&
    /Could not find device|No registered|not supported on CPU|Unsupported|UNIMPLEMENTED/i.test(result.message)
  );
}
