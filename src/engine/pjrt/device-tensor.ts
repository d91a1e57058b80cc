import type { Layout } from '../mesh/layout.js';
import type { Elements, Spec } from '../trace.js';
import { elementsOf } from './buffer.js';
import type { PjrtBuffer } from './buffer.js';
import type { Device } from './device.js';
import { sizeOf } from '../trace.js';

/** A tensor in a device's memory that several may hold: tensors of tfjs, calls that wait, a cell. The last one that lets go frees it. */
export class DeviceTensor {
  private holders = 1;

  /** `buffers`: one on each of the device's places. */
  constructor(
    readonly device: Device,
    readonly spec: Spec,
    readonly layout: Layout,
    private readonly buffers: readonly PjrtBuffer[],
  ) {}

  /** The handle of the part on one of the device's places. */
  pointer(place: number): number {
    const buffer = this.buffers[place];
    if (buffer === undefined) throw new Error(`internal: a tensor has no part on place ${place}`);
    return buffer.pointer;
  }

  /** Whether others hold it too. */
  get isShared(): boolean {
    return this.holders > 1;
  }

  retain(): this {
    this.holders++;
    return this;
  }

  release(): void {
    this.holders--;
    if (this.holders === 0) for (const buffer of this.buffers) buffer.destroy();
  }

  /** A copy of the elements, which waits for them off the JavaScript thread. */
  async read(): Promise<Elements> {
    this.retain();
    try {
      return this.together(await Promise.all(this.parts.map((buffer) => buffer.read())));
    } finally {
      this.release();
    }
  }

  /** The same on this thread. */
  readSync(): Elements {
    return this.together(this.parts.map((buffer) => buffer.readSync()));
  }

  /** A copy on another device: from device to device where both have the same parts, else through the host. */
  copyTo(device: Device, layout: Layout): DeviceTensor {
    const isPartByPart =
      device.client === this.device.client &&
      device.places.length === this.buffers.length &&
      layout.text === this.layout.text;
    if (!isPartByPart) return device.put(this.spec, this.readSync(), layout);
    const buffers = device.places.flatMap(({ pointer }, place) => this.buffers[place]?.copyTo(pointer) ?? []);
    return new DeviceTensor(device, this.spec, layout, buffers);
  }

  /** Buffers that together have each element once. */
  private get parts(): PjrtBuffer[] {
    return this.layout.holders.flatMap((place) => this.buffers[place] ?? []);
  }

  private together(parts: readonly Elements[]): Elements {
    const [first] = parts;
    if (this.layout.isWhole && first !== undefined) return first;
    const whole = elementsOf(this.spec.dtype, sizeOf(this.spec.shape));
    parts.forEach((part, index) => {
      this.layout.place(whole, this.layout.holders[index] ?? 0, part);
    });
    return whole;
  }
}
