/** A trace as a TensorFlow function: one graph node per record, cells read first and assigned last. */
import { type AttributeSetters, attributeSetters, setAttribute } from '../attributes.js';
import { type CApi, type GraphOutput, type Pointer, typeNumbers } from '../capi.js';
import { rules } from '../rules/index.js';
import { type Attribute, type Node, type Spec, specOf, type Trace } from '../trace.js';
import { type Context, TensorFlowError } from './context.js';

/** How state passes through a trace: which inputs are read from cells, and which outputs are written to them. */
export interface StateFlow {
  /** Positions in `trace.inputs` whose values are read from a resource variable. */
  readonly reads: ReadonlySet<number>;
  /** Pairs of a position in `trace.inputs` (the cell) and one in `trace.outputs` (its new value). */
  readonly writes: readonly { readonly input: number; readonly output: number }[];
}

const noState: StateFlow = { reads: new Set(), writes: [] };

let numFunctions = 0;

/**
 * Adds the function of a trace to the context and returns its name. Inputs are those of the trace (resources where `state`
 * says so), outputs those that are not written to cells; a function without any gets a zero, to wait for.
 */
export function addFunction(context: Context, trace: Trace, state: StateFlow = noState): string {
  const name = `${trace.name.replace(/[^A-Za-z0-9_]/g, '_')}_${numFunctions++}`;
  const fn = new Lowering(context).lower(name, trace, state);
  context.c.addFunction(context.pointer, fn, context.statusPointer);
  context.check(`adding the function ${name}`);
  context.c.deleteFunction(fn);
  return name;
}

class Lowering {
  private readonly c: CApi;
  private readonly setters: AttributeSetters;
  private readonly graph: Pointer;
  private readonly places = new Map<number, GraphOutput>();
  private numNodes = 0;

  constructor(private readonly context: Context) {
    this.c = context.c;
    this.setters = attributeSetters(this.c, 'node');
    this.graph = this.c.newGraph() as Pointer;
  }

  /** The TF_Function; the caller deletes it. */
  lower(name: string, trace: Trace, state: StateFlow): Pointer {
    const { c, graph, context } = this;
    try {
      const inputs: GraphOutput[] = [];
      const readers = new Map<number, { readonly resource: GraphOutput; readonly reader: Pointer }>();
      trace.inputs.forEach((value, position) => {
        const spec = specOf(trace, value);
        if (!state.reads.has(position)) {
          const input = this.placeholder(spec);
          inputs.push(input);
          this.places.set(value, input);
          return;
        }
        const resource = this.placeholder({ dtype: 'resource', shape: [] });
        const reader = this.operation('ReadVariableOp', (node) => {
          c.nodeInput(node, resource);
          c.nodeType(node, 'dtype', typeNumbers[spec.dtype]);
        });
        const output = { oper: reader, index: 0 };
        c.setShape(graph, output, dims(spec), spec.shape.length, context.statusPointer);
        context.check('TF_GraphSetTensorShape');
        inputs.push(resource);
        this.places.set(value, output);
        readers.set(position, { resource, reader });
      });
      for (const [value, elements] of trace.constants) this.constant(value, specOf(trace, value), elements);
      for (const node of trace.nodes) this.node(trace, node);

      const written = new Set(state.writes.map(({ output }) => output));
      const outputs = trace.outputs.filter((_, position) => !written.has(position)).map((value) => this.place(value));
      if (outputs.length === 0) outputs.push(this.zero());
      const controls = state.writes.map(({ input, output }) => {
        const cell = readers.get(input);
        if (cell === undefined) throw new Error('internal: a cell is written that is not an input');
        const value = trace.outputs[output] ?? -1;
        return this.operation('AssignVariableOp', (node) => {
          c.nodeInput(node, cell.resource);
          c.nodeInput(node, this.place(value));
          c.nodeControl(node, cell.reader); // a read of the old value must not come after
          c.nodeType(node, 'dtype', typeNumbers[specOf(trace, value).dtype]);
        });
      });
      const fn = c.toFunction(
        graph, name, 0, -1, null, inputs.length, inputs, outputs.length, outputs, null,
        controls.length, controls, null, null, null, context.statusPointer,
      ) as Pointer; // prettier-ignore
      context.check(`making the function ${name}`);
      return fn;
    } finally {
      c.deleteGraph(graph);
    }
  }

  private operation(type: string, configure: (node: Pointer) => void, line?: string): Pointer {
    const { c, context } = this;
    const description = c.newOperation(this.graph, type, `n${this.numNodes++}`) as Pointer;
    configure(description);
    const operation = c.finishOperation(description, context.statusPointer) as Pointer;
    try {
      context.check(type);
    } catch (error) {
      if (error instanceof TensorFlowError && line !== undefined)
        throw new TensorFlowError(`${type} at ${line}`, error.code, error.detail);
      throw error;
    }
    return operation;
  }

  private placeholder(spec: Spec): GraphOutput {
    const { c } = this;
    const oper = this.operation('Placeholder', (node) => {
      c.nodeType(node, 'dtype', typeNumbers[spec.dtype]);
      c.nodeShape(node, 'shape', dims(spec), spec.shape.length);
    });
    return { oper, index: 0 };
  }

  private constant(value: number, spec: Spec, elements: Parameters<Context['newTensor']>[1]): void {
    const { c, context } = this;
    const tensor = context.newTensor(spec, elements);
    const oper = this.operation('Const', (node) => {
      c.nodeType(node, 'dtype', typeNumbers[spec.dtype]);
      c.nodeTensor(node, 'value', tensor, context.statusPointer);
      context.check('Const');
    });
    c.deleteTensor(tensor);
    this.places.set(value, { oper, index: 0 });
  }

  private zero(): GraphOutput {
    this.constant(-1, { dtype: 'int32', shape: [] }, Int32Array.of(0));
    return this.place(-1);
  }

  private node(trace: Trace, { op, inputs, outputs, attributes, line }: Node): void {
    const { c } = this;
    const oper = this.operation(
      op,
      (node) => {
        this.addInputs(node, op, inputs);
        for (const [key, attribute] of Object.entries(attributes)) {
          // The length of a list input follows from the list.
          if (key !== 'N' || listOf(op) === undefined) this.setAttribute(node, key, attribute);
        }
      },
      line,
    );
    outputs.forEach((value, index) => {
      const output = { oper, index };
      this.places.set(value, output);
      if (op === 'StatelessWhile' || op === 'PartitionedCall') {
        const spec = specOf(trace, value);
        c.setShape(this.graph, output, dims(spec), spec.shape.length, this.context.statusPointer);
        this.context.check(op);
      }
    });
  }

  private addInputs(node: Pointer, op: string, inputs: readonly number[]): void {
    const { c } = this;
    const places = inputs.map((value) => this.place(value));
    const list = listOf(op);
    if (list === undefined) {
      for (const place of places) c.nodeInput(node, place);
      return;
    }
    const numListed = list === 'all' ? places.length : places.length - 1;
    c.nodeInputList(node, places.slice(0, numListed), numListed);
    for (const place of places.slice(numListed)) c.nodeInput(node, place);
  }

  private setAttribute(node: Pointer, key: string, attribute: Attribute): void {
    const { c } = this;
    if ('shape' in attribute)
      c.nodeShape(node, key, attribute.shape.length === 0 ? [0] : attribute.shape, attribute.shape.length);
    else if ('trace' in attribute) {
      const name = this.subFunction(attribute.trace);
      c.nodeFunction(node, key, name, name.length);
    } else setAttribute(this.setters, node, key, attribute);
  }

  /** A trace within the trace: its function must be known to this graph and to the context. */
  private subFunction(trace: Trace): string {
    const { c, context } = this;
    const name = `${trace.name.replace(/[^A-Za-z0-9_]/g, '_')}_${numFunctions++}`;
    const fn = new Lowering(context).lower(name, trace, noState);
    c.copyFunction(this.graph, fn, null, context.statusPointer);
    context.check(`copying the function ${name}`);
    c.addFunction(context.pointer, fn, context.statusPointer);
    context.check(`adding the function ${name}`);
    c.deleteFunction(fn);
    return name;
  }

  private place(value: number): GraphOutput {
    const place = this.places.get(value);
    if (place === undefined) throw new Error(`internal: value ${value} is used before it is defined`);
    return place;
  }
}

function listOf(op: string): 'all' | 'all-but-last' | undefined {
  return op === 'StatelessWhile' || op === 'PartitionedCall' ? 'all' : rules[op]?.list;
}

/** The C API reads at least one number even of a scalar's shape. */
function dims({ shape }: Spec): readonly number[] {
  return shape.length === 0 ? [0] : shape;
}
