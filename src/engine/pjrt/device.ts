import { Grid } from '../mesh/grid.js';
import { layoutOn } from '../mesh/layout.js';
import type { Layout } from '../mesh/layout.js';
import { sharded } from '../mesh/sharding.js';
import type { Elements, Spec } from '../trace.js';
import type { Api } from './api.js';
import { PjrtBuffer } from './buffer.js';
import { DeviceTensor } from './device-tensor.js';
import { awaitEvent, bufferDestroyer } from './event.js';
import { ExecutableCache } from './executable-cache.js';
import type { XlaFlags } from './compile-options.js';
import type { Launch } from './launch.js';
import { Launcher } from './launcher.js';
import type { PjrtClient, PjrtDevice } from './runtime.js';

/** One call of a compiled program that waits for its turn. */
export interface DeviceCall {
  /** Resolves when the program is compiled; undefined where it is. */
  ready(): Promise<void> | undefined;
  /** Compiles now, on this thread, if it is not compiled yet. */
  compileNow(): void;
  /** Hands over the arguments. */
  begin(): Launch;
  /** Takes what the program makes, once it is started. */
  end(): void;
}

interface Waiting {
  readonly call: DeviceCall;
  readonly started: (event: number) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * So many calls may be under way before the next one waits: enough that a device never idles. Plugins have a limit of their own (32), at
 * which they would block this thread.
 */
const mostUnderWay = 8;

/** To free so many buffers here takes longer than to leave it to a thread. */
const manyBuffers = 64;

/** Devices that have calls which wait. */
const busy = new Set<Device>();

/** Starts all calls that wait, on all devices: state that is read or written next sees them. */
export function flushDevices(): void {
  for (const device of busy) device.flush();
}

/** Rows of a batch are shared out over a mesh. */
const batches = sharded('batch');
const whole = sharded();

/** A device of a plugin, or a mesh of them, and the calls for it, which run in the order they were made. */
export class Device {
  private readonly waiting: Waiting[] = [];
  private numUnderWay = 0;
  /** Whether a call is with the launcher. */
  private isStarting = false;
  /** Whether a call's arguments are being handed over. */
  private isBeginning = false;
  private launcher: Launcher | undefined;
  /** One waiting thread at a time: the pool of libuv is small and files need it too. */
  private lastEnd: Promise<void> = Promise.resolve();
  private readonly destroy: (pointer: number) => void;

  constructor(
    /** Such as `cuda:0`, or `cuda:data=2,tensor=4`. */
    readonly name: string,
    readonly client: PjrtClient,
    /** One, or those of the mesh in the order of the grid. */
    readonly places: readonly PjrtDevice[],
    /** What programs for it are compiled with, beside the flags of its platform. */
    readonly flags: XlaFlags = {},
    /** Where compiled programs are kept; undefined: nowhere. */
    readonly cache?: ExecutableCache,
    /** How its places are arranged. */
    readonly grid: Grid = new Grid(),
  ) {
    this.destroy = bufferDestroyer(client.functions);
  }

  /**
   * Where a tensor lies: as its sharding says, or, without one, tensors of two axes and more by the rows of a batch. What is computed is the
   * same wherever it lies.
   */
  layoutOf({ shape }: Spec, sharding = shape.length < 2 ? whole : batches): Layout {
    return layoutOn(this.grid, shape, sharding);
  }

  /** Copies elements of the host to the device. */
  put(spec: Spec, elements: Elements, layout = this.layoutOf(spec)): DeviceTensor {
    const part = { dtype: spec.dtype, shape: layout.part };
    const buffers = this.places.map((place, index) => this.client.put(part, layout.cut(elements, index), place));
    return new DeviceTensor(this, spec, layout, buffers);
  }

  /** Buffers that a program made, one on each place, which are counted already. */
  adopt(pointers: readonly number[], spec: Spec, layout: Layout): DeviceTensor {
    const part = { dtype: spec.dtype, shape: layout.part };
    this.functions.live.buffers -= pointers.length; // the objects count them again
    const buffers = pointers.map((pointer) => new PjrtBuffer(this.functions, pointer, part));
    return new DeviceTensor(this, spec, layout, buffers);
  }

  /** Frees a buffer that has no object. */
  destroyBuffer(pointer: number): void {
    this.destroy(pointer);
  }

  get functions(): Api {
    return this.client.functions;
  }

  /** Queues a call; resolves when it has run. */
  async submit(call: DeviceCall): Promise<void> {
    const event = await new Promise<number>((started, failed) => {
      this.waiting.push({ call, started, failed });
      busy.add(this);
      this.startNext();
    });
    try {
      await this.ended(event);
    } finally {
      this.numUnderWay--;
      this.startNext();
    }
  }

  /** Starts all that waits: what this thread does next with state sees every call that was made before. */
  flush(): void {
    if (this.isBeginning) return; // the call that begins comes first
    this.launcher?.wait();
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      try {
        next.call.compileNow();
        const launch = this.begin(next.call);
        this.end(next, launch.run());
      } catch (error) {
        next.failed(error);
      }
    }
    busy.delete(this);
  }

  /** Frees buffers that have no object: many in the background, where a foreign call for each does not hold this thread up. */
  destroyBuffers(pointers: readonly number[]): void {
    if (this.launcher === undefined && pointers.length < manyBuffers) {
      for (const pointer of pointers) this.destroy(pointer);
      return;
    }
    this.launcher ??= new Launcher(this.functions);
    this.launcher.destroy(pointers);
  }

  private startNext(): void {
    const [next] = this.waiting;
    if (next === undefined || this.isStarting || this.isBeginning || this.numUnderWay >= mostUnderWay) return;
    const compiling = next.call.ready();
    if (compiling === undefined) {
      this.waiting.shift();
      this.start(next);
      return;
    }
    compiling.then(
      () => {
        this.startNext();
      },
      (error: unknown) => {
        this.drop(next, error);
      },
    );
  }

  /** Starts a call off the JavaScript thread, and the next one after it. */
  private start(next: Waiting): void {
    this.launcher ??= new Launcher(this.functions);
    let launch: Launch;
    try {
      launch = this.begin(next.call);
    } catch (error) {
      next.failed(error);
      this.startNext();
      return;
    }
    this.isStarting = true;
    this.launcher.run(launch.address, (returned) => {
      this.isStarting = false;
      try {
        this.end(next, launch.started(returned));
      } catch (error) {
        next.failed(error);
      }
      if (this.waiting.length === 0) busy.delete(this);
      this.startNext();
    });
  }

  private begin(call: DeviceCall): Launch {
    this.isBeginning = true;
    try {
      return call.begin();
    } finally {
      this.isBeginning = false;
    }
  }

  private end({ call, started }: Waiting, event: number): void {
    call.end();
    this.numUnderWay++;
    started(event);
  }

  private drop(waiting: Waiting, error: unknown): void {
    const index = this.waiting.indexOf(waiting);
    if (index >= 0) {
      this.waiting.splice(index, 1);
      waiting.failed(error);
    }
    this.startNext();
  }

  private ended(event: number): Promise<void> {
    const ended = this.lastEnd.then(() => awaitEvent(this.functions, event));
    this.lastEnd = ended.catch(() => undefined);
    return ended;
  }
}
