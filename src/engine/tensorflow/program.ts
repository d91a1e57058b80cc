import type * as tf from '@tensorflow/tfjs';
import { binding, tensorIds, wrapTensor } from '../backend.js';
import type { Pointer } from '../capi.js';
import type { StatefulTrace } from '../compile.js';
import { releaseMemory } from '../memory.js';
import type { Spec } from '../trace.js';
import { addFunction } from './lower.js';
import { productsForXla } from './xla-products.js';

/** How TensorFlow runs a function: fused by XLA, or op by op with oneDNN's kernels. */
export type Target = 'xla' | 'graph';

/** Functions of so many values leave much memory behind when they are compiled. */
const manyValues = 100;

/** A stateful trace as a TensorFlow function, ready to call. */
export class TensorFlowProgram {
  private readonly name: string;
  private readonly outputs: readonly Spec[];
  /** For each input of the function: the argument's index, or a handle that is the same at every call. */
  private readonly sources: readonly (number | Pointer)[];
  private hasRun = false;

  constructor(
    private readonly stateful: StatefulTrace,
    numArguments: number,
    private readonly target: Target,
  ) {
    const { trace, cells, captured } = stateful;
    const writes = cells.flatMap(({ input, output }) => (output === undefined ? [] : [{ input, output }]));
    const lowered = target === 'xla' ? productsForXla(trace) : trace;
    this.name = addFunction(binding.context, lowered, { reads: new Set(cells.map(({ input }) => input)), writes });
    const written = new Set(writes.map(({ output }) => output));
    this.outputs = trace.outputs
      .filter((_, position) => !written.has(position))
      .map((value) => trace.values[value] ?? noSpec());
    const resources = new Map(cells.map(({ cell, input }) => [input, cell.resourceHandle]));
    this.sources = trace.inputs.map((_, position) => {
      if (position < numArguments) return position;
      const resource = resources.get(position);
      if (resource !== undefined) return resource;
      return binding.handleOf(captured.get(position) ?? noSpec());
    });
  }

  /** One call, blocking; it waits for the calls that are queued. */
  run(args: readonly tf.Tensor[]): tf.Tensor[] {
    const { context } = binding;
    context.drain();
    const handles = context.execute(this.name, this.numOutputs, this.configure(args));
    this.compiled();
    return this.wrap(handles);
  }

  /** One call in the queue. */
  async enqueue(args: readonly tf.Tensor[]): Promise<tf.Tensor[]> {
    const { context } = binding;
    const { handles, finished } = context.enqueue(this.name, this.numOutputs, this.configure(args));
    try {
      await finished;
    } catch (error) {
      for (const handle of handles) context.c.deleteHandle(handle);
      throw error;
    }
    this.compiled();
    return this.wrap(handles);
  }

  /** The first call compiles. */
  private compiled(): void {
    if (this.hasRun) return;
    this.hasRun = true;
    if (this.stateful.trace.values.length >= manyValues) releaseMemory();
  }

  /** A function always has an output: calls are waited for by it. */
  private get numOutputs(): number {
    return Math.max(1, this.outputs.length);
  }

  private configure(args: readonly tf.Tensor[]): (op: Pointer, status: Pointer) => void {
    for (const { cell } of this.stateful.cells) {
      cell.requireAlive();
      cell.leaveDevice();
    }
    const { c } = binding.context;
    const handles = tensorIds(args).map((id) => binding.handleOf(id));
    return (op, status) => {
      for (const source of this.sources) c.addInput(op, typeof source === 'number' ? handles[source] : source, status);
      if (this.target === 'xla') c.opBool(op, '_XlaMustCompile', 1);
    };
  }

  private wrap(handles: readonly Pointer[]): tf.Tensor[] {
    if (this.outputs.length === 0) {
      for (const handle of handles) binding.context.c.deleteHandle(handle);
      return [];
    }
    return handles.map((handle, index) => wrapTensor(binding.addHandle(handle, this.outputs[index] ?? noSpec())));
  }
}

function noSpec(): never {
  throw new Error('internal: the trace and its inputs do not fit');
}
