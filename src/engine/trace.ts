/**
 * A trace: what a function does to tensors, as plain records. It is data of ours: it names TensorFlow's ops and attributes,
 * but nothing here needs TensorFlow. A *target* turns a trace into something that runs.
 *
 * A trace is a pure function from `inputs` to `outputs`; state (cells) appears as inputs before and outputs after. Values are
 * numbered; node `k` may only use values that inputs, constants and nodes before it define.
 */

/** TensorFlow's element types, by our names. tfjs itself knows float32, int32, bool, string and complex64. */
export type DType =
  | 'float32'
  | 'float64'
  | 'bfloat16'
  | 'float16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'complex64'
  | 'resource';

/** What is known of a value before it is computed. Shapes are always static. */
export interface Spec {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The elements of a constant, as they lie in memory. Bool is bytes of 0 and 1; bfloat16 is its upper 16 bits; complex64 is interleaved pairs. */
export type Elements =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | BigInt64Array
  | BigUint64Array;

/** An attribute of an op, tagged by its kind. */
export type Attribute =
  | { readonly type: DType }
  | { readonly types: readonly DType[] }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly shape: readonly number[] }
  /** A trace within a trace: the body of `scan`, the callee of `call`. */
  | { readonly trace: Trace };

export type Attributes = Readonly<Record<string, Attribute>>;

/** One op: `{ op: 'MatMul', inputs: [3, 7], outputs: [8], attributes: { T: { type: 'float32' }, transpose_a: { bool: false } } }`. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly attributes: Attributes;
  /** The line of user code that made it, for errors: `gpt.ts:41:12`. */
  readonly line?: string;
}

export interface Trace {
  readonly name: string;
  /** The spec of each value; its index is the value's number. */
  readonly values: readonly Spec[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Values known while tracing. */
  readonly constants: ReadonlyMap<number, Elements>;
  readonly nodes: readonly Node[];
}

/** An input as a shape rule sees it; `constant` is there when its elements are known while tracing. */
export interface RuleInput {
  readonly spec: Spec;
  readonly constant?: Elements | undefined;
}

/** The rule of one op: the specs of its outputs from its inputs and attributes, and what it costs. */
export interface Rule {
  infer(inputs: readonly RuleInput[], attributes: Attributes): readonly Spec[];
  /** Floating-point operations; without it an op counts one per output element (nothing for ops that only move data, `flops: () => 0`). */
  flops?(inputs: readonly Spec[], outputs: readonly Spec[], attributes: Attributes): number;
  /**
   * Which inputs form TensorFlow's list argument: all of them (`AddN`, `Pack`), or all but the last (`ConcatV2`). Absent: none.
   */
  readonly list?: 'all' | 'all-but-last';
}

/** Bytes of one element in memory. */
export const bytesPerElement: Readonly<Record<Exclude<DType, 'string' | 'resource'>, number>> = {
  float32: 4,
  float64: 8,
  bfloat16: 2,
  float16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
  complex64: 8,
};

/** The number of elements of a shape: the product of its sizes, 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The bytes of a value in memory; 0 for strings and resources, whose size is not known here. */
export function bytesOf({ dtype, shape }: Spec): number {
  return dtype === 'string' || dtype === 'resource' ? 0 : sizeOf(shape) * bytesPerElement[dtype];
}

/** The spec of a value of a trace. */
export function specOf({ name, values }: Pick<Trace, 'name' | 'values'>, value: number): Spec {
  const spec = values[value];
  if (spec === undefined) throw new Error(`internal: the trace ${name} has no value ${value}`);
  return spec;
}

/** `float32[8, 256]`, as errors and `explain()` show a spec. */
export function formatSpec({ dtype, shape }: Spec): string {
  return `${dtype}[${shape.join(', ')}]`;
}
