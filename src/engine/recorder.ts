import { TrainbookError } from '../error.js';
import { isUniform } from './host-data.js';
import { rules } from './rules/index.js';
import type { HostData } from './tensorflow/context.js';
import { type Attributes, type Elements, type Node, type RuleInput, type Spec, specOf, type Trace } from './trace.js';
import { UserLines } from './user-line.js';

/** Records the ops of one function while it is called with symbolic tensors. */
export class Recorder {
  readonly values: Spec[] = [];
  readonly inputs: number[] = [];
  private readonly constants = new Map<number, Elements>();
  private readonly nodes: Node[] = [];
  /** Numbers in the tensor table of this recording's values. */
  readonly symbols: number[] = [];
  /** Inputs that stand for values of the recorder around this one, or for eager tensors: input value → number in the tensor table. */
  readonly captures = new Map<number, number>();
  /** Entries of the tensor table that are constants here. */
  readonly constantOf = new Map<number, number>();
  /** The same by the value they stand for in a recorder around this one: `depth:value`. */
  readonly captureOf = new Map<string, number>();
  private readonly lines = new UserLines();
  readonly depth: number;
  private open = true;

  /** `parent` is the recorder of the trace around this one: of `scan`'s or `call`'s caller. */
  constructor(
    readonly name: string,
    readonly parent?: Recorder,
  ) {
    this.depth = parent === undefined ? 0 : parent.depth + 1;
  }

  /** The recorder of the function that `compile` traces. */
  get outermost(): Recorder {
    return this.parent?.outermost ?? this;
  }

  get isOpen(): boolean {
    return this.open;
  }

  /** True where values of `other` may be captured: it is this recorder or one around it. */
  isWithin(other: Recorder): boolean {
    return this === other || this.parent?.isWithin(other) === true;
  }

  private addValue(spec: Spec): number {
    return this.values.push(spec) - 1;
  }

  addInput(spec: Spec): number {
    const value = this.addValue(spec);
    this.inputs.push(value);
    return value;
  }

  addConstant(spec: Spec, elements: Elements): number {
    const value = this.addValue(spec);
    this.constants.set(value, elements);
    return value;
  }

  /** `tf.zeros` and `tf.ones` are arrays in JavaScript; here they are one number, filled in. Undefined if the elements differ. */
  addFill({ dtype, shape }: Spec, data: HostData): number | undefined {
    if (dtype === 'string' || !isUniform(data as Elements)) return undefined;
    const dims = this.addConstant({ dtype: 'int32', shape: [shape.length] }, Int32Array.from(shape));
    const element = this.addConstant({ dtype, shape: [] }, (data as Elements).slice(0, 1));
    const [value] = this.add('Fill', [dims, element], { T: { type: dtype }, index_type: { type: 'int32' } });
    return value;
  }

  /** Records an op and infers what it gives. */
  add(op: string, inputs: readonly number[], attributes: Attributes): number[] {
    const rule = rules[op];
    if (rule === undefined) {
      throw new TrainbookError({
        what: `compile: the op ${op} has no rule, so it cannot be traced`,
        received: `${op} in ${this.name}`,
        expected: 'an op of src/engine/rules/',
        fix: 'compute this part outside the compiled function, or add a rule for the op',
      });
    }
    return this.addNode(
      op,
      inputs,
      attributes,
      rule.infer(
        inputs.map((input) => this.ruleInput(input)),
        attributes,
      ),
    );
  }

  /** Records an op whose outputs are known: `scan` and `call`, which have traces of their own. */
  addNode(op: string, inputs: readonly number[], attributes: Attributes, specs: readonly Spec[]): number[] {
    const outputs = specs.map((spec) => this.addValue(spec));
    const line = this.outermost.lines.here();
    this.nodes.push({ op, inputs, outputs, attributes, ...(line === undefined ? {} : { line }) });
    return outputs;
  }

  private ruleInput(value: number): RuleInput {
    return { spec: this.specOf(value), constant: this.constants.get(value) };
  }

  specOf(value: number): Spec {
    return specOf(this, value);
  }

  /** Ends the recording; values of it cannot be used any more. */
  finish(outputs: readonly number[]): Trace {
    this.open = false;
    const { name, values, inputs, constants, nodes } = this;
    return { name, values, inputs, outputs, constants, nodes };
  }

  /** Ends a recording that failed. */
  abandon(): void {
    this.open = false;
  }
}

let active: Recorder | undefined;

/** The recorder of the function that is being traced, if one is. */
export function activeRecorder(): Recorder | undefined {
  return active;
}

/** Calls `fn` with `recorder` active. Synchronous: no trace stays open across an await. */
export function recording<Result>(recorder: Recorder, fn: () => Result): Result {
  const outer = active;
  active = recorder;
  try {
    return fn();
  } finally {
    active = outer;
  }
}
