import type { Layout } from '../mesh/layout.js';
import type { Spec } from '../trace.js';
import type { Device } from './device.js';
import type { DeviceTensor } from './device-tensor.js';
import type { Launch } from './launch.js';

/**
 * A cell's value in the memory of a device. Bare pointers as long as the cell alone uses it, since they change at every step; a
 * `DeviceTensor` once somebody reads it.
 */
export class CellHome {
  private constructor(
    readonly device: Device,
    private readonly spec: Spec,
    private readonly layout: Layout,
    /** The buffers' handles, one for each of the device's places. */
    readonly pointers: number[],
    private tensor: DeviceTensor | undefined,
  ) {}

  /** The home of a tensor's value; it takes the caller's hold over. */
  static of(tensor: DeviceTensor): CellHome {
    const { device, spec, layout } = tensor;
    const pointers = device.places.map((_, place) => tensor.pointer(place));
    return new CellHome(device, spec, layout, pointers, tensor);
  }

  /** Whether others hold what the cell has now: a step must leave it as it is. */
  get isShared(): boolean {
    return this.tensor !== undefined && this.tensor.isShared;
  }

  /** The value now, held by the caller too. */
  share(): DeviceTensor {
    this.tensor ??= this.device.adopt(this.pointers, this.spec, this.layout);
    return this.tensor.retain();
  }

  /** Takes what a call has made in place of this value. Buffers that are to be freed are added to `former`; none where others still hold them. */
  exchange(launch: Launch, output: number, former: number[]): void {
    const { pointers, tensor } = this;
    for (let place = 0; place < pointers.length; place++) {
      if (tensor === undefined) former.push(pointers[place] ?? 0);
      pointers[place] = launch.output(output, place);
    }
    tensor?.release();
    this.tensor = undefined;
  }

  /** Lets go of the value. */
  release(): void {
    if (this.tensor === undefined) for (const pointer of this.pointers) this.device.destroyBuffer(pointer);
    else this.tensor.release();
    this.tensor = undefined;
  }
}
