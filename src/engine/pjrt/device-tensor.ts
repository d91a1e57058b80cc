import type { Elements, Spec } from '../trace.js';
import type { PjrtBuffer } from './buffer.js';
import type { Device } from './device.js';

/** A tensor in a device's memory that several may hold: tensors of tfjs, calls that wait, a cell. The last one that lets go frees it. */
export class DeviceTensor {
  private holders = 1;

  constructor(
    readonly device: Device,
    private readonly buffer: PjrtBuffer,
  ) {}

  get spec(): Spec {
    return this.buffer.spec;
  }

  get pointer(): number {
    return this.buffer.pointer;
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
    if (this.holders === 0) this.buffer.destroy();
  }

  /** The buffer's handle, for the one who holds it alone and answers for it from now on. */
  take(): number {
    if (this.isShared) throw new Error('internal: a tensor that is shared cannot be taken');
    this.holders = 0;
    return this.buffer.take();
  }

  /** A copy of the elements, which waits for them off the JavaScript thread. */
  async read(): Promise<Elements> {
    this.retain();
    try {
      return await this.buffer.read();
    } finally {
      this.release();
    }
  }

  /** The same on this thread. */
  readSync(): Elements {
    return this.buffer.readSync();
  }

  /** A copy on another device: from device to device within a plugin, else through the host. */
  copyTo(device: Device): DeviceTensor {
    return device.client === this.device.client
      ? new DeviceTensor(device, this.buffer.copyTo(device.place.pointer))
      : device.put(this.spec, this.readSync());
  }
}
