/**
 * `tf.function` for TensorFlow.js: a function of tensors is traced once for each signature of its arguments, and then runs as
 * one native call off the JavaScript thread.
 */
import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { binding, isNative, tensorIds } from './backend.js';
import { Cell, cellsOf } from './cell.js';
import { currentDevice, type DeviceChoice, openDevice, resolveDevice } from './device.js';
import { explain, type Explanation } from './explain.js';
import { settleMemory } from './memory.js';
import { tracedFor } from './mesh/constrain.js';
import type { Collective } from './pjrt/collectives.js';
import { PjrtProgram } from './pjrt/program.js';
import { currentPrecision, type Precision } from './precision.js';
import { activeRecorder } from './recorder.js';
import { type Target, TensorFlowProgram } from './tensorflow/program.js';
import { formatSpec, type Spec, type Trace } from './trace.js';
import { requireSynchronous, trace } from './tracing.js';
import { treeEntries, unflatten, unflattenArguments } from './tree.js';

export type { Target };

export interface CompileOptions {
  /** Shown in errors and `explain()`. Default: the function's own name. */
  readonly name?: string;
  /** `'xla'` fuses everything; `'graph'` runs op by op with oneDNN's matrix products. Default: the faster one for the precision. */
  readonly target?: Target;
  /**
   * Where it runs: `'cuda:0'`, `'cpu:3'`, `'tpu:0'`, … by a PJRT plugin, `'tensorflow'` by the library that runs eager operations, `'auto'`
   * on a GPU or TPU if there is one. State that it uses stays there between calls. Default: what `setDevice` or `withDevice` said.
   * On a device of a plugin `target` has no meaning.
   */
  readonly device?: DeviceChoice;
}

export interface Compiled<Arguments extends readonly unknown[], Result> {
  /** Queues one call and resolves when it is done; calls run in the order they were made. */
  (...args: Arguments): Promise<Result>;
  /** The same, blocking: for loops that cannot await. */
  sync(...args: Arguments): Result;
  /** Ops, FLOPs, bytes and the most expensive ops for arguments like these. Traces, runs nothing. */
  explain(...args: Arguments): Explanation;
  /** The trace for arguments like these, for other targets. State comes after the other inputs and outputs, see `StateOfTrace`. */
  trace(...args: Arguments): StatefulTrace;
  /** What crosses the mesh of devices at each call with arguments like these; nothing on one device. Compiles, runs nothing. */
  communication(...args: Arguments): Promise<readonly Collective[]>;
  /** How many signatures were traced. */
  readonly numTraces: number;
}

/** A trace and the cells that pass through it. */
export interface StatefulTrace {
  readonly trace: Trace;
  /** Cells that are read, each with its position in `trace.inputs`, and in `trace.outputs` if it is written. */
  readonly cells: readonly { readonly cell: Cell; readonly input: number; readonly output?: number }[];
  /** Eager tensors that the function captured: numbers in the tensor table by position in `trace.inputs`. */
  readonly captured: ReadonlyMap<number, number>;
}

/** A traced function made ready to run. */
interface Program {
  run(args: readonly tf.Tensor[]): tf.Tensor[];
  enqueue(args: readonly tf.Tensor[]): Promise<tf.Tensor[]>;
  /** Of a mesh. */
  communication?(): Promise<readonly Collective[]>;
}

interface Variant {
  readonly program: Program;
  readonly stateful: StatefulTrace;
  /** The shape of the result: places of tensors in it, and everything else. */
  readonly rebuild: (outputs: readonly tf.Tensor[]) => unknown;
}

/** `instanceof` alone would make it a tensor of `any`. */
function isTensor(value: unknown): value is tf.Tensor {
  return value instanceof tf.Tensor;
}

/** Marks the place of a tensor in a result. */
const aTensor = Symbol('tensor');

/** Oftener than this, and it is likely that an argument changes at every call. */
const retracesBeforeWarning = 5;

/** The faster target of each precision (README's bench table): XLA on CPU has fast products of float32 and bfloat16, not of float16. */
export const defaultTargets: Readonly<Record<Precision, Target>> = {
  float32: 'xla',
  tf32: 'xla',
  bfloat16: 'xla',
  float16: 'graph',
};

/**
 * A compiled form of `fn`. Tensors in the arguments may change at each call as long as shapes and dtypes stay; anything else in
 * them (numbers, strings, cells) is part of the signature, and a new value traces again. Cells that `fn` reads and writes are
 * updated in place. Tensors that it only mentions are captured as they are at the first call.
 *
 * @example
 * const double = compile((x: tf.Tensor) => tf.mul(x, 2));
 * const y = await double(tf.tensor([1, 2]));
 */
export function compile<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  options: CompileOptions = {},
): Compiled<Arguments, Result> {
  const name = options.name ?? (fn.name === '' ? 'function' : fn.name);
  const variants = new Map<string, Variant>();

  const variantFor = (args: Arguments): { variant: Variant; tensors: tf.Tensor[] } => {
    const { key, tensors } = signature(args);
    const device = options.device === undefined ? currentDevice() : resolveDevice(options.device);
    const target = options.target ?? defaultTargets[currentPrecision()];
    const fullKey = `${device === 'tensorflow' ? target : device} ${currentPrecision()} ${key}`;
    let variant = variants.get(fullKey);
    if (variant === undefined) {
      const opened = device === 'tensorflow' ? undefined : openDevice(device);
      const traced = tracedFor(opened?.grid, () => traceOf(name, fn, args, tensors));
      const { stateful } = traced;
      const program =
        opened === undefined
          ? new TensorFlowProgram(stateful, tensors.length, target)
          : new PjrtProgram(stateful, opened);
      variant = { ...traced, program };
      variants.set(fullKey, variant);
      if (variants.size === retracesBeforeWarning + 1) warnAboutRetracing(name, [...variants.keys()]);
    }
    return { variant, tensors };
  };

  const call = async (...args: Arguments): Promise<Result> => {
    if (!isNative()) return Promise.resolve(plainly(fn, args));
    if (activeRecorder() !== undefined) return Promise.reject(nestedCall(name));
    const { variant, tensors } = variantFor(args);
    const outputs = await variant.program.enqueue(tensors);
    await settleMemory();
    return variant.rebuild(outputs) as Result;
  };
  const members = {
    sync: (...args: Arguments): Result => {
      if (!isNative()) return plainly(fn, args);
      // Inside another trace a compiled function is simply called: its ops become part of that trace.
      if (activeRecorder() !== undefined) return fn(...args);
      const { variant, tensors } = variantFor(args);
      return variant.rebuild(variant.program.run(tensors)) as Result;
    },
    explain: (...args: Arguments): Explanation =>
      explain(traceOf(name, fn, args, signature(args).tensors).stateful.trace),
    communication: async (...args: Arguments): Promise<readonly Collective[]> =>
      isNative() ? ((await variantFor(args).variant.program.communication?.()) ?? []) : [],
    trace: (...args: Arguments): StatefulTrace => traceOf(name, fn, args, signature(args).tensors).stateful,
  };
  const compiled = Object.assign(call, members) as unknown as Compiled<Arguments, Result>;
  return Object.defineProperty(compiled, 'numTraces', { get: () => variants.size });
}

/** Without TensorFlow: op by op. As in a compiled function, only what is returned stays. */
function plainly<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  args: Arguments,
): Result {
  return tf.tidy(() => fn(...args) as tf.TensorContainer) as Result;
}

function traceOf<Arguments extends readonly unknown[]>(
  name: string,
  fn: (...args: Arguments) => unknown,
  args: Arguments,
  tensors: readonly tf.Tensor[],
): Pick<Variant, 'stateful' | 'rebuild'> {
  const specs = tensorIds(tensors).map((id): Spec => binding.specOf(id));
  const written: { readonly cell: Cell; readonly value: number }[] = [];
  const traced = trace(
    name,
    specs,
    (symbols) => {
      const places = new Map<unknown, tf.Tensor | undefined>(
        tensors.map((tensor, index) => [tensor, symbols[index]] as const),
      );
      const leaves = treeEntries<unknown>(args as never).map(([, leaf]) =>
        leaf instanceof tf.Tensor ? places.get(leaf) : leaf,
      );
      const result = fn(...unflattenArguments(args, leaves));
      requireSynchronous(name, result);
      const entries = treeEntries<unknown>(result);
      const outputs = entries.flatMap(([, leaf]) => (isTensor(leaf) ? [leaf] : []));
      return { outputs, extra: { result, entries } };
    },
    (recorder) => {
      for (const [cell, use] of cellsOf(recorder)) {
        if (use.written) written.push({ cell, value: binding.valueIn(recorder, use.current) });
      }
      return written.map(({ value }) => value);
    },
  );
  const { trace: finished, recorder, captured, extra } = traced;
  binding.dropSymbols(recorder);
  const numResults = finished.outputs.length - written.length;
  const cells = [...cellsOf(recorder)].map(([cell, { input }]) => {
    const position = finished.inputs.indexOf(input);
    const output = written.findIndex((write) => write.cell === cell);
    return output < 0 ? { cell, input: position } : { cell, input: position, output: numResults + output };
  });
  // Of the result only its structure is kept, not the tensors of the trace.
  const structure = unflatten(
    extra.result as never,
    extra.entries.map((_, index) => index),
  );
  const statics = extra.entries.map(([, leaf]) => (isTensor(leaf) ? aTensor : leaf));
  const rebuild = (outputs: readonly tf.Tensor[]): unknown => {
    let next = 0;
    return unflatten(
      structure,
      statics.map((leaf) => (leaf === aTensor ? outputs[next++] : leaf)),
    );
  };
  return { stateful: { trace: finished, cells, captured }, rebuild };
}

/** Arguments with equal signatures can share a trace. */
function signature(args: readonly unknown[]): { key: string; tensors: tf.Tensor[] } {
  const tensors: tf.Tensor[] = [];
  const parts: string[] = [];
  for (const [path, leaf] of treeEntries<unknown>(args)) {
    if (isTensor(leaf)) {
      if (!tensors.includes(leaf)) tensors.push(leaf);
      parts.push(`${path}=#${tensors.indexOf(leaf)} ${formatSpec({ dtype: leaf.dtype, shape: leaf.shape })}`);
    } else if (leaf === null || leaf === undefined || ['number', 'string', 'boolean', 'bigint'].includes(typeof leaf)) {
      parts.push(`${path}=${typeof leaf} ${String(leaf)}`);
    } else {
      parts.push(`${path}=object ${identityOf(leaf)}`);
    }
  }
  return { key: parts.join('; '), tensors };
}

const identities = new WeakMap<object, number>();
let numIdentities = 0;

/** Cells, functions and other objects are told apart by identity. */
function identityOf(value: unknown): number {
  const object = value as object;
  let identity = identities.get(object);
  if (identity === undefined) identities.set(object, (identity = ++numIdentities));
  return identity;
}

function warnAboutRetracing(name: string, keys: readonly string[]): void {
  const [last = '', before = ''] = [keys.at(-1), keys.at(-2)];
  const earlier = new Set(before.split('; '));
  const changed = last.split('; ').filter((part) => !earlier.has(part));
  console.warn(
    `trainbook: ${name} was compiled ${keys.length} times, because its arguments changed each time (last: ${changed.join('; ').slice(0, 300)}). ` +
      'Each compilation takes seconds. Pass numbers that change as tf.scalar, and keep shapes equal (pad the last batch).',
  );
}

function nestedCall(name: string): TrainbookError {
  return new TrainbookError({
    what: `compile: ${name} was called asynchronously inside another compiled function`,
    expected: 'one trace, without awaits',
    fix: `call ${name}.sync(…) there: its operations become part of the outer function`,
  });
}
