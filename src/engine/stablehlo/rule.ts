import { TrainbookError } from '../../error.js';
import type { Attribute, Attributes, DType, Elements, Node, Spec, Trace } from '../trace.js';
import { sizeAt } from './writer.js';
import type { Value, Writer } from './writer.js';

/** How one TensorFlow op becomes StableHLO: appends to the writer and returns the op's outputs, in order. */
export type LoweringRule = (op: Operation, write: Writer) => Value | readonly Value[];

/** The rules of one file, by TensorFlow's op name. */
export type LoweringRules = Readonly<Record<string, LoweringRule>>;

/** A node of a trace as its rule sees it. */
export class Operation {
  readonly numInputs: number;

  constructor(
    private readonly node: Node,
    /** What the trace says of the outputs: their shapes are known. */
    readonly outputs: readonly Spec[],
    private readonly sources: {
      /** The value of an input in the program. */
      value(index: number): Value;
      spec(index: number): Spec;
      /** Its elements, when they are known while tracing. */
      constant(index: number): Elements | undefined;
      /** Whether they are. */
      isConstant(index: number): boolean;
      /** Writes the nodes of a trace within the trace. */
      inline(trace: Trace, args: readonly Value[], write: Writer): readonly Value[];
      /** The name of a trace within the trace as a function of the module. */
      functionOf(trace: Trace): string;
    },
  ) {
    this.numInputs = node.inputs.length;
  }

  get name(): string {
    return this.node.op;
  }

  get attributes(): Attributes {
    return this.node.attributes;
  }

  /** The only output, or the first. */
  get output(): Spec {
    const [output] = this.outputs;
    if (output === undefined) throw new Error(`internal: ${this.name} has no output`);
    return output;
  }

  input(index: number): Value {
    return this.sources.value(index);
  }

  inputs(): Value[] {
    return this.node.inputs.map((_, index) => this.sources.value(index));
  }

  /** The spec of an input that is not to appear in the program. */
  spec(index: number): Spec {
    return this.sources.spec(index);
  }

  /** Whether an input's elements are known while tracing. */
  isConstant(index: number): boolean {
    return this.sources.isConstant(index);
  }

  /** The numbers of an input that the program's form depends on, such as the axes of Sum. */
  numbers(index: number, what: string): number[] {
    const elements = this.sources.constant(index);
    if (elements !== undefined) return Array.from(elements, Number);
    throw this.refuse(`${what} must be known while tracing`, 'a value computed in the trace', 'plain numbers');
  }

  number(index: number, what: string): number {
    return sizeAt(this.numbers(index, what), 0);
  }

  /** The number of an axis, counted from the front. */
  axis(index: number, rank: number): number {
    const axis = this.number(index, 'the axis');
    return axis < 0 ? axis + rank : axis;
  }

  /** The numbers of axes, counted from the front, each once, ascending. */
  axes(index: number, rank: number): number[] {
    const axes = this.numbers(index, 'the axes').map((axis) => (axis < 0 ? axis + rank : axis));
    return [...new Set(axes)].sort((a, b) => a - b);
  }

  bool(name: string): boolean {
    const attribute = this.attributes[name];
    return attribute !== undefined && 'bool' in attribute && attribute.bool;
  }

  int(name: string, otherwise: number): number {
    const attribute = this.attributes[name];
    return attribute !== undefined && 'int' in attribute ? attribute.int : otherwise;
  }

  float(name: string, otherwise: number): number {
    const attribute = this.attributes[name];
    return attribute !== undefined && 'float' in attribute ? attribute.float : otherwise;
  }

  ints(name: string, otherwise: readonly number[]): readonly number[] {
    const attribute = this.attributes[name];
    return attribute !== undefined && 'ints' in attribute ? attribute.ints : otherwise;
  }

  string(name: string, otherwise: string): string {
    const attribute: Attribute | undefined = this.attributes[name];
    return attribute !== undefined && 'string' in attribute ? attribute.string : otherwise;
  }

  /** Writes the nodes of the trace in an attribute: the body of a loop. Gives its outputs. */
  inline(name: string, args: readonly Value[], write: Writer): readonly Value[] {
    return this.sources.inline(this.trace(name), args, write);
  }

  /** The name of the trace in an attribute as a function of the module. */
  functionOf(name: string): string {
    return this.sources.functionOf(this.trace(name));
  }

  private trace(name: string): Trace {
    const attribute = this.attributes[name];
    if (attribute !== undefined && 'trace' in attribute) return attribute.trace;
    throw new Error(`internal: the attribute ${name} of ${this.name} is no trace`);
  }

  /** The error for a form of the op that has no rule. */
  refuse(what: string, received: string, expected: string): TrainbookError {
    return new TrainbookError({ what: `stablehlo: ${this.name}${this.place()}: ${what}`, received, expected });
  }

  /** ` (gpt.ts:41:12)`: the line of user code, when it is known. */
  place(): string {
    return this.node.line === undefined ? '' : ` (${this.node.line})`;
  }
}

export const isFloating = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'bfloat16' || dtype === 'float16';

export const isUnsignedInteger = (dtype: DType): boolean => dtype.startsWith('uint');
