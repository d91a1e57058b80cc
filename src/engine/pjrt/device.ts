import type { Elements, Spec } from '../trace.js';
import type { Api } from './api.js';
import { PjrtBuffer } from './buffer.js';
import { DeviceTensor } from './device-tensor.js';
import { awaitEvent, bufferDestroyer } from './event.js';
import { ExecutableCache } from './executable-cache.js';
import type { XlaFlags } from './compile-options.js';
import type { PjrtClient, PjrtDevice } from './runtime.js';

/** One call of a compiled program that waits for its turn. */
export interface DeviceCall {
  /** Resolves when the program is compiled; undefined where it is. */
  ready(): Promise<void> | undefined;
  /** Compiles now, on this thread, if it is not compiled yet. */
  compileNow(): void;
  /** Starts it; gives the event of its end. */
  start(): number;
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

/** Devices that have calls which wait. */
const busy = new Set<Device>();

/** Starts all calls that wait, on all devices: state that is read or written next sees them. */
export function flushDevices(): void {
  for (const device of busy) device.flush();
}

/** A device of a plugin, and the calls for it, which run in the order they were made. */
export class Device {
  private readonly waiting: Waiting[] = [];
  private numUnderWay = 0;
  private isStarting = false;
  /** One waiting thread at a time: the pool of libuv is small and files need it too. */
  private lastEnd: Promise<void> = Promise.resolve();
  private readonly destroy: (pointer: number) => void;

  constructor(
    /** Such as `cuda:0`. */
    readonly name: string,
    readonly client: PjrtClient,
    readonly place: PjrtDevice,
    /** What programs for it are compiled with, beside the flags of its platform. */
    readonly flags: XlaFlags = {},
    /** Where compiled programs are kept; undefined: nowhere. */
    readonly cache?: ExecutableCache,
  ) {
    this.destroy = bufferDestroyer(client.functions);
  }

  /** Copies elements of the host to the device. */
  put(spec: Spec, elements: Elements): DeviceTensor {
    return new DeviceTensor(this, this.client.put(spec, elements, this.place));
  }

  /** A buffer that a program made, which is counted already. */
  adopt(pointer: number, spec: Spec): DeviceTensor {
    this.functions.live.buffers--; // the object counts it again
    return new DeviceTensor(this, new PjrtBuffer(this.functions, pointer, spec));
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
    if (this.isStarting) return; // the call being started comes first
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      try {
        next.call.compileNow();
      } catch (error) {
        next.failed(error);
        continue;
      }
      this.start(next);
    }
    busy.delete(this);
  }

  private startNext(): void {
    if (this.isStarting) return;
    for (let next = this.waiting[0]; next !== undefined && this.numUnderWay < mostUnderWay; next = this.waiting[0]) {
      const compiling = next.call.ready();
      if (compiling !== undefined) {
        compiling.then(
          () => {
            this.startNext();
          },
          (error: unknown) => {
            this.drop(next, error);
          },
        );
        return;
      }
      this.waiting.shift();
      this.start(next);
    }
    if (this.waiting.length === 0) busy.delete(this);
  }

  private start({ call, started, failed }: Waiting): void {
    let event: number;
    this.isStarting = true;
    try {
      event = call.start();
    } catch (error) {
      failed(error);
      return;
    } finally {
      this.isStarting = false;
    }
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
