import koffi from 'koffi';
import { bytesOf, formatSpec, sizeOf } from '../trace.js';
import type { DType, Elements, Spec } from '../trace.js';
import type { Api } from './api.js';
import { awaitEvent, awaitEventSync, destroyEvent } from './event.js';
import { layout } from './layout.js';
import { Struct } from './struct.js';

const dtypesByNumber = new Map<number, DType>(
  Object.entries(layout.elementTypes).map(([dtype, number]) => [number, dtype as DType]),
);

/** The number that PJRT has for a dtype. */
function elementType(dtype: DType): number {
  const types: Readonly<Partial<Record<DType, number>>> = layout.elementTypes;
  const number = types[dtype];
  if (number === undefined) throw new Error(`pjrt: a buffer cannot hold ${dtype}`);
  return number;
}

/** A tensor in a device's memory. Freed by `destroy`, or when it is donated to an executable. */
export class PjrtBuffer {
  private handle: number;
  private gone: 'destroyed' | 'donated' | undefined;

  constructor(
    private readonly api: Api,
    handle: number,
    readonly spec: Spec,
  ) {
    this.handle = handle;
    api.live.buffers++;
  }

  /** The native buffer; an error when it is no longer there. */
  get pointer(): number {
    if (this.gone === undefined) return this.handle;
    throw new Error(`pjrt: the buffer ${formatSpec(this.spec)} was ${this.gone} and cannot be used again`);
  }

  /** Copies the elements to the host. */
  async read(): Promise<Elements> {
    const { elements, event } = this.copy();
    await awaitEvent(this.api, event);
    return elements;
  }

  /** As `read`, but waits on this thread. */
  readSync(): Elements {
    const { elements, event } = this.copy();
    awaitEventSync(this.api, event);
    return elements;
  }

  /** Frees the memory. Calling it again does nothing. */
  destroy(): void {
    this.release('destroyed');
  }

  /** Frees the handle of a buffer whose memory an executable has taken over. */
  donated(): void {
    this.release('donated');
  }

  private release(reason: 'destroyed' | 'donated'): void {
    if (this.gone !== undefined) return;
    this.gone = reason;
    this.api.call('PJRT_Buffer_Destroy', new Struct('PJRT_Buffer_Destroy_Args').set('buffer', this.handle));
    this.api.live.buffers--;
    this.handle = 0;
  }

  /** A copy in the memory of another device of the same client. */
  copyTo(device: bigint): PjrtBuffer {
    const args = new Struct('PJRT_Buffer_CopyToDevice_Args').set('buffer', this.pointer).set('dst_device', device);
    return new PjrtBuffer(this.api, this.api.call('PJRT_Buffer_CopyToDevice', args).number('dst_buffer'), this.spec);
  }

  private copy(): { elements: Elements; event: number } {
    const elements = elementsOf(this.spec.dtype, sizeOf(this.spec.shape));
    const args = new Struct('PJRT_Buffer_ToHostBuffer_Args')
      .set('src', this.pointer)
      .set('dst_size', elements.byteLength);
    // an empty array has no address, and without one the call only asks for the size
    if (elements.byteLength > 0) args.set('dst', elements);
    const event = this.api.call('PJRT_Buffer_ToHostBuffer', args).number('event');
    return { elements, event };
  }
}

/** From so many bytes the copy goes on after the call: what is smaller is copied aside at once. */
const largeBytes = 2 ** 20;

/**
 * Copies `elements` to `device`. Large ones are not copied aside first: they are read while the copy goes on, and held until it is done,
 * which `transfer` then tells.
 */
export function bufferFromHost(
  api: Api,
  client: bigint,
  device: bigint,
  { spec, elements }: { readonly spec: Spec; readonly elements: Elements },
): { readonly buffer: PjrtBuffer; readonly transfer?: Promise<void> } {
  if (elements.byteLength !== bytesOf(spec)) {
    throw new Error(
      `pjrt: ${elements.byteLength} bytes do not fill ${formatSpec(spec)}, which has ${bytesOf(spec)} bytes`,
    );
  }
  const isLarge = elements.byteLength >= largeBytes;
  const args = new Struct('PJRT_Client_BufferFromHostBuffer_Args')
    .set('client', client)
    .set('data', elements.byteLength > 0 ? elements : Buffer.alloc(1))
    .set('type', elementType(spec.dtype))
    .set('num_dims', spec.shape.length)
    .set('host_buffer_semantics', isLarge ? layout.immutableUntilTransferCompletes : layout.immutableOnlyDuringCall)
    .set('device', device);
  if (spec.shape.length > 0) args.set('dims', BigInt64Array.from(spec.shape, BigInt));
  api.call('PJRT_Client_BufferFromHostBuffer', args);
  const buffer = new PjrtBuffer(api, args.number('buffer'), spec);
  const done = args.number('done_with_host_buffer');
  if (isLarge) return { buffer, transfer: holding(awaitEvent(api, done), elements) };
  if (done !== 0) destroyEvent(api, done);
  return { buffer };
}

/** Memory of the host that copies still read. */
const beingRead = new Set<Elements>();

/** Keeps `memory` until the copy is done. If it failed, so will every use of the buffer, with the same words. */
async function holding(copied: Promise<void>, memory: Elements): Promise<void> {
  beingRead.add(memory);
  await copied.catch(() => undefined);
  beingRead.delete(memory);
}

/** A buffer that an executable made, and counted: its dtype and shape are asked from the plugin. */
export function outputBuffer(api: Api, handle: number): PjrtBuffer {
  const type = api.call('PJRT_Buffer_ElementType', new Struct('PJRT_Buffer_ElementType_Args').set('buffer', handle));
  const dtype = dtypesByNumber.get(type.number('type'));
  if (dtype === undefined) throw new Error(`pjrt: no name for the element type ${type.number('type')}`);
  const dims = api.call('PJRT_Buffer_Dimensions', new Struct('PJRT_Buffer_Dimensions_Args').set('buffer', handle));
  const rank = dims.number('num_dims');
  const shape = rank === 0 ? [] : Array.from(new BigInt64Array(koffi.view(dims.pointer('dims'), rank * 8)), Number);
  api.live.buffers--; // the object counts it again
  return new PjrtBuffer(api, handle, { dtype, shape });
}

/** Memory for `count` elements of `dtype`, in the form that `Elements` has for it. */
export function elementsOf(dtype: DType, count: number): Elements {
  switch (dtype) {
    case 'float32':
      return new Float32Array(count);
    case 'float64':
      return new Float64Array(count);
    case 'int8':
      return new Int8Array(count);
    case 'int16':
      return new Int16Array(count);
    case 'int32':
      return new Int32Array(count);
    case 'int64':
      return new BigInt64Array(count);
    case 'bool':
    case 'uint8':
      return new Uint8Array(count);
    case 'float16':
    case 'bfloat16':
    case 'uint16':
      return new Uint16Array(count);
    case 'uint32':
      return new Uint32Array(count);
    case 'uint64':
      return new BigUint64Array(count);
    case 'complex64':
      return new Float32Array(count * 2);
    case 'string':
    case 'resource':
      throw new Error(`pjrt: a buffer cannot hold ${dtype}`);
  }
}
