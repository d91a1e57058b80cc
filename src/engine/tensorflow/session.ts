import { TrainbookError } from '../../error.js';
import type { Pointer } from '../capi.js';
import type { Spec } from '../trace.js';
import type { Context } from './context.js';

/** `dense/MatMul:0`: an output of a node of a graph; without a number the first one. */
export type OutputName = string;

/** A graph with the state that belongs to it, as TensorFlow opens it from a SavedModel. */
export class Session {
  private readonly graph: Pointer;
  private readonly pointer: Pointer;

  /**
   * @param folder holds `saved_model.pb` and `variables/`.
   * @param tags name one of the graphs in it, such as `serve`.
   */
  constructor(
    private readonly context: Context,
    private readonly folder: string,
    tags: readonly string[],
  ) {
    const { c, statusPointer } = context;
    this.graph = c.newGraph() as Pointer;
    const options = c.newSessionOptions() as Pointer;
    try {
      c.setSessionConfig(options, context.config, context.config.length, statusPointer);
      // prettier-ignore
      this.pointer = c.loadSession(
        options, null, folder, tags, tags.length, this.graph, null, statusPointer,
      ) as Pointer;
      context.check(`loading the SavedModel ${folder}`);
    } catch (error) {
      c.deleteGraph(this.graph);
      throw error;
    } finally {
      c.deleteSessionOptions(options);
    }
  }

  /** Feeds tensor handles, and gives new handles of the outputs with their specs. */
  run(
    inputs: readonly { readonly name: OutputName; readonly handle: Pointer }[],
    outputs: readonly OutputName[],
  ): { readonly handle: Pointer; readonly spec: Spec }[] {
    const { c, statusPointer } = this.context;
    const values: Pointer[] = [];
    const results = new BigUint64Array(outputs.length);
    try {
      for (const { handle } of inputs) {
        const value = c.resolve(handle, statusPointer) as Pointer | null;
        this.context.check('reading an input of a SavedModel');
        if (value !== null) values.push(value);
      }
      const fed = inputs.map(({ name }) => this.place(name));
      const fetched = outputs.map((name) => this.place(name));
      // prettier-ignore
      c.sessionRun(
        this.pointer, null, fed, values, fed.length, fetched, results, fetched.length, null, 0, null, statusPointer,
      );
      this.context.check(`running the SavedModel ${this.folder}`);
      return Array.from(results, (tensor) => this.handle(tensor));
    } finally {
      for (const tensor of [...values, ...results]) if (tensor !== 0n) c.deleteTensor(tensor);
    }
  }

  close(): void {
    const { c, statusPointer } = this.context;
    c.closeSession(this.pointer, statusPointer);
    c.deleteSession(this.pointer, statusPointer);
    c.deleteGraph(this.graph);
    this.context.check(`closing the SavedModel ${this.folder}`);
  }

  private handle(tensor: Pointer): { readonly handle: Pointer; readonly spec: Spec } {
    const { context } = this;
    const handle = context.c.newHandle(tensor, context.statusPointer) as Pointer;
    context.check('TFE_NewTensorHandle');
    return { handle, spec: { dtype: context.dtypeOf(handle), shape: context.shapeOf(handle) } };
  }

  private place(name: OutputName): { readonly oper: Pointer; readonly index: number } {
    const { c } = this.context;
    const [, node = name, index = '0'] = /^(.*):(\d+)$/.exec(name) ?? [];
    const oper = c.operationByName(this.graph, node) as Pointer | null;
    if (oper === null || oper === 0n || Number(index) >= (c.numOutputs(oper) as number)) {
      throw new TrainbookError({
        what: 'a SavedModel was asked for a tensor that its graph has not',
        received: `${name} in ${this.folder}`,
        expected: 'a node, a colon and the number of one of its outputs',
      });
    }
    return { oper, index: Number(index) };
  }
}
