import type { Spec } from '../trace.js';
import type { Device } from './device.js';
import type { DeviceTensor } from './device-tensor.js';

/**
 * A cell's value in the memory of a device. A bare pointer as long as the cell alone uses it, since it changes at every step; a
 * `DeviceTensor` once somebody reads it.
 */
export class CellHome {
  private tensor: DeviceTensor | undefined;

  constructor(
    readonly device: Device,
    /** The buffer's handle. */
    public pointer: number,
    private readonly spec: Spec,
  ) {}

  /** Whether others hold what the cell has now: a step must leave it as it is. */
  get isShared(): boolean {
    return this.tensor !== undefined && this.tensor.isShared;
  }

  /** The value now, held by the caller too. */
  share(): DeviceTensor {
    this.tensor ??= this.device.adopt(this.pointer, this.spec);
    return this.tensor.retain();
  }

  /** Another value in place of this one. Gives the buffer that is to be freed; 0 where others still hold it. */
  exchange(pointer: number): number {
    const former = this.tensor === undefined ? this.pointer : 0;
    this.tensor?.release();
    this.tensor = undefined;
    this.pointer = pointer;
    return former;
  }

  /** Lets go of the value. */
  release(): void {
    if (this.tensor === undefined) this.device.destroyBuffer(this.pointer);
    else this.tensor.release();
    this.tensor = undefined;
  }
}
