import { sizeOf } from '../trace.js';
import type { DType, Elements, Spec } from '../trace.js';

/**
 * StableHLO as text: one method per kind of op, each appends a line such as
 * `%3 = stablehlo.add %1, %2 : tensor<8x256xf32>` and returns what it defines.
 * The ops are those of the specification (openxla.org/stablehlo/spec), written as its 1.13 parser reads them.
 */

/** A value of the program: its name (`%3`, `%arg0`, `%4#1`) with its dtype and shape. */
export interface Value extends Spec {
  readonly name: string;
}

/** Ops of one operand whose result has its dtype and shape. */
export type UnaryOp =
  | 'abs'
  | 'cbrt'
  | 'ceil'
  | 'cosine'
  | 'exponential'
  | 'exponential_minus_one'
  | 'floor'
  | 'log'
  | 'log_plus_one'
  | 'logistic'
  | 'negate'
  | 'not'
  | 'round_nearest_even'
  | 'rsqrt'
  | 'sign'
  | 'sine'
  | 'sqrt'
  | 'tan'
  | 'tanh';

/** Ops of two operands of one dtype and shape, which the result has too. */
export type BinaryOp =
  | 'add'
  | 'and'
  | 'atan2'
  | 'divide'
  | 'maximum'
  | 'minimum'
  | 'multiply'
  | 'or'
  | 'power'
  | 'remainder'
  | 'shift_left'
  | 'shift_right_arithmetic'
  | 'shift_right_logical'
  | 'subtract'
  | 'xor';

export type Comparison = 'EQ' | 'NE' | 'LT' | 'LE' | 'GT' | 'GE';

/** The ops that fold the elements of an axis into one; their operands may come in any order. */
export type Reducer = 'add' | 'multiply' | 'maximum' | 'minimum' | 'and' | 'or';

/**
 * How products of float32 factors are made: whole, or with factors of 10 bits of mantissa (TF32) on devices that are several
 * times faster so (NVIDIA from Ampere on). Sums are float32 in both.
 */
export type ProductPrecision = 'float32' | 'tf32';

/** The axes of a product, those of the left operand and those of the right. */
export interface DotAxes {
  readonly batch: readonly [left: readonly number[], right: readonly number[]];
  readonly contracting: readonly [left: readonly number[], right: readonly number[]];
}

const elementTypes: Readonly<Record<Exclude<DType, 'string' | 'resource'>, string>> = {
  float32: 'f32',
  float64: 'f64',
  bfloat16: 'bf16',
  float16: 'f16',
  int8: 'i8',
  int16: 'i16',
  int32: 'i32',
  int64: 'i64',
  uint8: 'ui8',
  uint16: 'ui16',
  uint32: 'ui32',
  uint64: 'ui64',
  bool: 'i1',
  complex64: 'complex<f32>',
};

/** `tensor<8x256xf32>`. */
export function typeOf({ dtype, shape }: Spec): string {
  if (dtype === 'string' || dtype === 'resource') throw new Error(`internal: StableHLO has no type for ${dtype}`);
  return `tensor<${[...shape, elementTypes[dtype]].join('x')}>`;
}

/** ` %1, %2 : tensor<f32>, tensor<i32>`: what a terminator gives; nothing without values. */
export function listOf(values: readonly Value[]): string {
  if (values.length === 0) return '';
  return ` ${values.map(({ name }) => name).join(', ')} : ${values.map(typeOf).join(', ')}`;
}

/** Each line of each text after `margin`. */
export function indent(texts: readonly string[], margin: string): string[] {
  return texts.flatMap((text) => text.split('\n').map((line) => `${margin}${line}`));
}

const isFloat = (dtype: DType): boolean => /^(b?float)/.test(dtype);
const isUnsigned = (dtype: DType): boolean => dtype.startsWith('uint') || dtype === 'bool';

export class Writer {
  readonly lines: string[] = [];

  /** `counter` numbers the values of one function, also those in its regions. */
  constructor(
    readonly products: ProductPrecision = 'float32',
    private readonly counter: { next: number } = { next: 0 },
  ) {}

  private name(): string {
    return `%${this.counter.next++}`;
  }

  /** Appends `%k = <text>` and returns %k. */
  emit(result: Spec, text: string): Value {
    const name = this.name();
    this.lines.push(`${name} = ${text}`);
    return { name, dtype: result.dtype, shape: result.shape };
  }

  /** Appends `%k:n = <text>` and returns %k#0, %k#1, …. */
  emitMany(results: readonly Spec[], text: string): Value[] {
    if (results.length === 0) {
      this.lines.push(text);
      return [];
    }
    const name = this.name();
    this.lines.push(`${name}:${results.length} = ${text}`);
    return results.map(({ dtype, shape }, index) => ({ name: `${name}#${index}`, dtype, shape }));
  }

  /**
   * A small program within an op, such as the body of a loop: its arguments have these specs, it gives what `fill` returns.
   * It may use values of the program around it.
   */
  region(specs: readonly Spec[], fill: (write: Writer, args: readonly Value[]) => readonly Value[]): string {
    const inner = new Writer(this.products, this.counter);
    const args = specs.map(({ dtype, shape }): Value => ({ name: this.name(), dtype, shape }));
    const results = fill(inner, args);
    const parameters = args.map((arg) => `${arg.name}: ${typeOf(arg)}`).join(', ');
    return [
      `{\n^bb0(${parameters}):`,
      ...indent([...inner.lines, `stablehlo.return${listOf(results)}`], '  '),
      '}',
    ].join('\n');
  }

  unary(op: UnaryOp, x: Value): Value {
    return this.emit(x, `stablehlo.${op} ${x.name} : ${typeOf(x)}`);
  }

  binary(op: BinaryOp, a: Value, b: Value): Value {
    return this.emit(a, `stablehlo.${op} ${a.name}, ${b.name} : ${typeOf(a)}`);
  }

  /** a ∘ b element by element; a NaN is unequal to all. The operands have one shape, the result is bool. */
  compare(direction: Comparison, a: Value, b: Value): Value {
    const kind = isFloat(a.dtype) || a.dtype === 'complex64' ? 'FLOAT' : isUnsigned(a.dtype) ? 'UNSIGNED' : 'SIGNED';
    const result: Spec = { dtype: 'bool', shape: a.shape };
    const types = `(${typeOf(a)}, ${typeOf(b)}) -> ${typeOf(result)}`;
    return this.emit(result, `stablehlo.compare ${direction}, ${a.name}, ${b.name}, ${kind} : ${types}`);
  }

  /** `onTrue` where the condition holds, else `onFalse`; all three of one shape. */
  select(condition: Value, onTrue: Value, onFalse: Value): Value {
    const types = `${typeOf(condition)}, ${typeOf(onTrue)}`;
    return this.emit(onTrue, `stablehlo.select ${condition.name}, ${onTrue.name}, ${onFalse.name} : ${types}`);
  }

  isFinite(x: Value): Value {
    const result: Spec = { dtype: 'bool', shape: x.shape };
    return this.emit(result, `stablehlo.is_finite ${x.name} : (${typeOf(x)}) -> ${typeOf(result)}`);
  }

  /** The elements as another dtype: floats to integers towards zero. */
  convert(x: Value, dtype: DType): Value {
    if (x.dtype === dtype) return x;
    return this.turn('convert', x, { dtype, shape: x.shape });
  }

  /** The bits of x as another dtype. */
  bitcast(x: Value, result: Spec): Value {
    return this.turn('bitcast_convert', x, result);
  }

  reshape(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x;
    return this.turn('reshape', x, { dtype: x.dtype, shape });
  }

  transpose(x: Value, axes: readonly number[]): Value {
    if (axes.every((axis, index) => axis === index)) return x;
    const shape = axes.map((axis) => sizeAt(x.shape, axis));
    return this.turn('transpose', x, { dtype: x.dtype, shape }, `, dims = [${axes.join(', ')}]`);
  }

  /** Repeats x: its axis i becomes axis `axes[i]` of the result, where a size of 1 is stretched. */
  broadcastInDim(x: Value, shape: readonly number[], axes: readonly number[]): Value {
    if (sameShape(x.shape, shape) && axes.every((axis, index) => axis === index)) return x;
    return this.turn('broadcast_in_dim', x, { dtype: x.dtype, shape }, `, dims = [${axes.join(', ')}]`);
  }

  /** x repeated to `shape` by NumPy's rule: axes are matched from the last. */
  broadcast(x: Value, shape: readonly number[]): Value {
    const offset = shape.length - x.shape.length;
    return this.broadcastInDim(
      x,
      shape,
      x.shape.map((_, axis) => axis + offset),
    );
  }

  /** x[start:limit:stride] along each axis. */
  slice(x: Value, start: readonly number[], limit: readonly number[], stride?: readonly number[]): Value {
    const steps = x.shape.map((_, axis) => stride?.[axis] ?? 1);
    const shape = steps.map((step, axis) => Math.ceil((sizeAt(limit, axis) - sizeAt(start, axis)) / step));
    if (sameShape(shape, x.shape) && steps.every((step) => step === 1)) return x;
    const ranges = steps.map((step, axis) => {
      const range = `${sizeAt(start, axis)}:${sizeAt(limit, axis)}`;
      return step === 1 ? range : `${range}:${step}`;
    });
    return this.turn('slice', x, { dtype: x.dtype, shape }, ` [${ranges.join(', ')}]`);
  }

  reverse(x: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x;
    return this.emit(x, `stablehlo.reverse ${x.name}, dims = [${axes.join(', ')}] : ${typeOf(x)}`);
  }

  concatenate(parts: readonly Value[], axis: number): Value {
    const [first] = parts;
    if (first === undefined) throw new Error('internal: nothing to concatenate');
    if (parts.length === 1) return first;
    const size = parts.reduce((sum, { shape }) => sum + sizeAt(shape, axis), 0);
    const result: Spec = { dtype: first.dtype, shape: first.shape.map((n, k) => (k === axis ? size : n)) };
    const types = `(${parts.map(typeOf).join(', ')}) -> ${typeOf(result)}`;
    return this.emit(
      result,
      `stablehlo.concatenate ${parts.map(({ name }) => name).join(', ')}, dim = ${axis} : ${types}`,
    );
  }

  /**
   * x with `low` and `high` elements of `value` before and after it along each axis, and `between` of them between its elements.
   * Negative paddings cut.
   */
  pad(
    x: Value,
    value: Value,
    low: readonly number[],
    high: readonly number[],
    between: readonly number[] = x.shape.map(() => 0),
  ): Value {
    const result: Spec = {
      dtype: x.dtype,
      shape: x.shape.map((size, axis) => {
        const spread = size + Math.max(size - 1, 0) * sizeAt(between, axis);
        return spread + sizeAt(low, axis) + sizeAt(high, axis);
      }),
    };
    if (sameShape(result.shape, x.shape) && low.every((size) => size === 0)) return x;
    const sizes = `low = [${low.join(', ')}], high = [${high.join(', ')}], interior = [${between.join(', ')}]`;
    const types = `(${typeOf(x)}, ${typeOf(value)}) -> ${typeOf(result)}`;
    return this.emit(result, `stablehlo.pad ${x.name}, ${value.name}, ${sizes} : ${types}`);
  }

  /** 0, 1, 2, … along `axis`. */
  iota(result: Spec, axis: number): Value {
    return this.emit(result, `stablehlo.iota dim = ${axis} : ${typeOf(result)}`);
  }

  /** Folds the axes of x, from `initial` on; the axes go. */
  reduce(reducer: Reducer, x: Value, initial: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x;
    const result: Spec = { dtype: x.dtype, shape: x.shape.filter((_, axis) => !axes.includes(axis)) };
    const operands = `(${x.name} init: ${initial.name}) applies stablehlo.${reducer} across dimensions = [${axes.join(', ')}]`;
    return this.emit(result, `stablehlo.reduce${operands} : (${typeOf(x)}, ${typeOf(initial)}) -> ${typeOf(result)}`);
  }

  /**
   * The product over the contracting axes: result axes are batch, the left's rest, the right's rest. Half floats may have
   * a float32 result.
   */
  dot(a: Value, b: Value, axes: DotAxes, dtype: DType): Value {
    const rest = (shape: readonly number[], batch: readonly number[], contracting: readonly number[]): number[] =>
      shape.filter((_, axis) => !batch.includes(axis) && !contracting.includes(axis));
    const shape = [
      ...axes.batch[0].map((axis) => sizeAt(a.shape, axis)),
      ...rest(a.shape, axes.batch[0], axes.contracting[0]),
      ...rest(b.shape, axes.batch[1], axes.contracting[1]),
    ];
    const result: Spec = { dtype, shape };
    const pair = ([left, right]: DotAxes['batch']): string => `[${left.join(', ')}] x [${right.join(', ')}]`;
    const batch = axes.batch[0].length === 0 ? '' : `batching_dims = ${pair(axes.batch)}, `;
    const precision = this.precisionOf(a);
    return this.emit(
      result,
      `stablehlo.dot_general ${a.name}, ${b.name}, ${batch}contracting_dims = ${pair(axes.contracting)}, ` +
        `precision = [${precision}, ${precision}] : (${typeOf(a)}, ${typeOf(b)}) -> ${typeOf(result)}`,
    );
  }

  /** `HIGHEST` asks for whole float32 products where a device would else round the factors (TF32, bfloat16). */
  precisionOf({ dtype }: Spec): 'HIGHEST' | 'DEFAULT' {
    return dtype === 'float64' || (dtype === 'float32' && this.products === 'float32') ? 'HIGHEST' : 'DEFAULT';
  }

  /** A constant whose elements are all `value`; floats are written by their bits. */
  fill(result: Spec, value: number | bigint | boolean): Value {
    return this.emit(result, `stablehlo.constant dense<${literal(result.dtype, value)}> : ${typeOf(result)}`);
  }

  /** A constant with these elements, in memory order. */
  constant(result: Spec, elements: Elements): Value {
    const [first] = elements;
    if (sizeOf(result.shape) === 0) return this.emit(result, `stablehlo.constant dense<> : ${typeOf(result)}`);
    if (
      first !== undefined &&
      result.dtype !== 'complex64' &&
      elements.every((element: number | bigint) => Object.is(element, first))
    ) {
      return this.emit(result, `stablehlo.constant dense<${splat(result.dtype, first)}> : ${typeOf(result)}`);
    }
    const bytes = Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString('hex').toUpperCase();
    if (result.dtype !== 'bool') return this.emit(result, `stablehlo.constant dense<"0x${bytes}"> : ${typeOf(result)}`);
    // MLIR versions differ in how they pack the bits of i1: bytes are read alike by all
    const asBytes: Spec = { dtype: 'uint8', shape: result.shape };
    const stored = this.emit(asBytes, `stablehlo.constant dense<"0x${bytes}"> : ${typeOf(asBytes)}`);
    return this.compare('NE', stored, this.fill(asBytes, 0));
  }

  /** The operands again; later ops may not be computed before or merged across this point. */
  barrier(operands: readonly Value[]): Value[] {
    const names = operands.map(({ name }) => name).join(', ');
    return this.emitMany(operands, `stablehlo.optimization_barrier ${names} : ${operands.map(typeOf).join(', ')}`);
  }

  private turn(op: string, x: Value, result: Spec, attributes = ''): Value {
    return this.emit(result, `stablehlo.${op} ${x.name}${attributes} : (${typeOf(x)}) -> ${typeOf(result)}`);
  }
}

/** The text of one element of a splat constant as it lies in memory: half floats are their 16 bits already. */
function splat(dtype: DType, element: number | bigint): string {
  if (dtype === 'bfloat16' || dtype === 'float16') return bits(BigInt(element), 2);
  return literal(dtype, dtype === 'bool' ? element !== 0 : element);
}

/** The text of one element with this value. */
function literal(dtype: DType, value: number | bigint | boolean): string {
  if (dtype === 'bool') return value === false || value === 0 ? 'false' : 'true';
  if (dtype === 'complex64') return `(${literal('float32', value)}, ${literal('float32', 0)})`;
  if (!isFloat(dtype)) return String(typeof value === 'boolean' ? Number(value) : value);
  const number = Number(value);
  if (dtype === 'float64') return bits(new BigUint64Array(Float64Array.of(number).buffer)[0] ?? 0n, 8);
  const word = new Uint32Array(Float32Array.of(number).buffer)[0] ?? 0;
  if (dtype === 'float32') return bits(BigInt(word), 4);
  if (Number.isFinite(number)) return number.toExponential().replace(/^(-?\d)e/, '$1.0e'); // MLIR rounds it to the 16 bits
  if (Number.isNaN(number)) return dtype === 'bfloat16' ? '0x7FC0' : '0x7E00';
  const infinity = dtype === 'bfloat16' ? 0x7f80n : 0x7c00n;
  return bits(number > 0 ? infinity : infinity | 0x8000n, 2);
}

const bits = (word: bigint, bytes: number): string =>
  `0x${word
    .toString(16)
    .toUpperCase()
    .padStart(bytes * 2, '0')}`;

/** The element of a list that must be there. */
export function sizeAt(sizes: readonly number[], axis: number): number {
  const size = sizes[axis];
  if (size === undefined) throw new Error(`internal: no axis ${axis} in [${sizes.join(', ')}]`);
  return size;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
