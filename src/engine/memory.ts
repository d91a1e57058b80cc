/**
 * Native memory without `dispose`: V8 does not see the bytes behind a tensor, so tensors that are garbage would stay until
 * memory is gone. The binding counts native bytes; past a threshold V8 collects at the next turn of the event loop, and a
 * tensor that is garbage frees its handle.
 */
import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import koffi from 'koffi';
import { TrainbookError } from '../error.js';
import type { Binding, TensorMetadata } from './binding.js';

/** Collect when this much was allocated since the last collection. 160 MB: a collection takes some 10 ms, this a second or so of work. */
const bytesBetweenCollections = 160 * 2 ** 20;

/**
 * Collect when so many tensors were made since, but not more often than that. V8 keeps a cell for each in its old generation, which it
 * collects rarely on its own: 3% of a process's memory in 10,000 steps of a small model.
 */
const tensorsBetweenCollections = 10_000;
const millisecondsBetweenCollections = 2000;

interface TensorRecord {
  values: unknown;
  id: number;
  refCount: number;
  readonly shape: number[];
  readonly dtype: number;
}

interface Backend extends tf.KernelBackend {
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  readonly tensorMap: tf.DataStorage<TensorRecord>;
}

/** The part of tfjs's engine state that counts tensors. */
interface EngineCounts {
  numTensors: number;
  numDataBuffers: number;
  numBytes: number;
  numStringTensors: number;
}

let garbageCollector: (() => void) | undefined;

/** V8's collector, which Node hides without a flag. */
function collect(): void {
  if (garbageCollector === undefined) {
    setFlagsFromString('--expose-gc');
    garbageCollector = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  garbageCollector();
}

let allocatedSinceCollection = 0;
let tensorsSinceCollection = 0;
let lastCollection = 0;
let collectionPlanned = false;
let warned = false;
let liveBytes: () => number = () => 0;

/** Bytes of native tensors that are alive. */
export function nativeBytes(): number {
  return liveBytes();
}

/** Makes garbage tensors of a backend free their handles. Called once, when the backend is made. */
export function collectGarbage(binding: Binding, backend: Backend): void {
  liveBytes = () => binding.numNativeBytes;
  const registry = new FinalizationRegistry<TensorRecord>((record) => {
    const isNative = record.id >= 0; // else no op has asked for it yet
    const isDisposed = isNative ? !binding.has(record.id) : record.refCount <= 0;
    if (isDisposed) return;
    const numBytes = isNative ? binding.bytesOf(record.id).numBytes : hostBytes(record.values);
    if (isNative) binding.deleteTensor(record.id);
    const counts = (tf.engine() as unknown as { state: EngineCounts }).state;
    counts.numTensors -= record.refCount;
    counts.numDataBuffers -= 1;
    counts.numBytes -= numBytes * record.refCount;
    if (record.dtype === binding.TF_STRING) counts.numStringTensors -= record.refCount;
  });
  const watch = (dataId: object): void => {
    tensorsSinceCollection++;
    registry.register(dataId, backend.tensorMap.get(dataId));
  };

  const createOutputTensor = backend.createOutputTensor.bind(backend);
  backend.createOutputTensor = (metadata) => {
    const tensor = createOutputTensor(metadata);
    watch(tensor.dataId);
    return tensor;
  };
  const move = backend.move.bind(backend);
  backend.move = (dataId, ...rest) => {
    move(dataId, ...rest);
    watch(dataId);
  };
  const getInputTensorIds = backend.getInputTensorIds.bind(backend);
  backend.getInputTensorIds = (tensors) => {
    for (const { dataId } of tensors)
      if ((dataId as object | undefined) !== undefined && !backend.tensorMap.has(dataId)) throw disposed();
    return getInputTensorIds(tensors);
  };
  const readSync = backend.readSync.bind(backend);
  backend.read = async (dataId) => {
    const record = backend.tensorMap.has(dataId) ? backend.tensorMap.get(dataId) : undefined;
    const isNative = record !== undefined && record.id >= 0 && binding.has(record.id);
    const values = isNative ? await binding.tensorData(record.id) : readSync(dataId);
    await settleMemory();
    return values as tf.backend_util.BackendValues;
  };
  backend.memory = () => ({ unreliable: false });

  let lastLive = 0;
  binding.onAllocate = () => {
    const live = binding.numNativeBytes;
    if (live > lastLive) allocatedSinceCollection += live - lastLive;
    lastLive = live;
    if (allocatedSinceCollection < bytesBetweenCollections) return;
    if (!collectionPlanned) {
      collectionPlanned = true;
      setImmediate(() => {
        if (collectionPlanned) collectNow();
        lastLive = binding.numNativeBytes;
      });
    }
    if (!warned && live > totalmem() / 2) {
      warned = true;
      console.warn(
        `trainbook: tensors hold ${Math.round(live / 2 ** 20)} MB, over half of this machine's memory. Garbage is collected only ` +
          'when the code awaits something: in a long synchronous loop wrap the body in tf.tidy(() => …).',
      );
    }
  };
}

/** The memory of values that are not native yet, as tfjs counts it. */
function hostBytes(values: unknown): number {
  return ArrayBuffer.isView(values)
    ? values.byteLength
    : (values as readonly Uint8Array[]).reduce((sum, { length }) => sum + length, 0);
}

function collectNow(): void {
  collectionPlanned = false;
  allocatedSinceCollection = 0;
  tensorsSinceCollection = 0;
  collect();
  lastCollection = performance.now();
}

/** Called by the engine's own awaits: collects if enough was allocated, and gives the finalizers a turn. */
export async function settleMemory(): Promise<void> {
  if (!collectionPlanned && !hasManyCells()) return;
  collectNow();
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve)); // finalizers may come in the second one
}

function hasManyCells(): boolean {
  return (
    tensorsSinceCollection > tensorsBetweenCollections &&
    performance.now() - lastCollection > millisecondsBetweenCollections
  );
}

function disposed(): TrainbookError {
  return new TrainbookError({
    what: 'a tensor was used that is no longer there',
    received: 'a tensor that was disposed, or one of a traced function',
    expected: 'a live tensor',
    fix: 'keep it alive (tf.keep, or return it from tidy), or return it from the compiled function',
  });
}

let trim: (() => void) | undefined;

/**
 * Gives memory that is no longer used back to the system: compiling a large function leaves a hundred megabytes in the C library's
 * heap, and tracing it, or reading the weights that it starts from, tens of them in V8's.
 */
export function releaseMemory(): void {
  collect();
  setImmediate(trimHeap); // finalizers first
}

/** Only glibc has the call; elsewhere nothing happens. */
function trimHeap(): void {
  if (trim === undefined) {
    trim = () => undefined;
    try {
      const mallocTrim = koffi.load(null).func('int malloc_trim(size_t pad)') as (pad: number) => number;
      trim = () => {
        mallocTrim(0);
      };
    } catch {
      // not glibc
    }
  }
  trim();
}
