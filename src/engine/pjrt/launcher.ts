import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Api } from './api.js';
import { layout } from './layout.js';

/** So many buffers are let go of at a time. */
const mostDoomed = 8192;

/*
 * The mail between the two threads, in memory that both see:
 *   int32   [0] 0: the launcher is idle, 1: a request is there, 2: it is executed, and buffers are being freed; [1] how many of them
 *   float64 from byte 8: [0] the arguments to execute with, or 0; [1] what was returned; [2 …] the buffers. All are addresses.
 */
const idle = 0;
const requested = 1;
const executed = 2;
const headerBytes = 8;
const firstDoomed = 2;

/** What the thread does, for ever. It shares memory and the loaded plugin with this one. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const koffi = require(workerData.koffi);
koffi.load(null); // a koffi that has loaded nothing calls nothing: it crashes
const form = koffi.proto('uintptr_t', ['uintptr_t']);
const [execute, destroy] = workerData.functions.map((pointer) => koffi.decode(pointer, form));
const words = new Int32Array(workerData.mail, 0, 2);
const numbers = new Float64Array(workerData.mail, ${headerBytes});
const args = Buffer.alloc(workerData.size);
args.writeBigUInt64LE(BigInt(args.length), 0);
const address = Number(koffi.address(args));
for (;;) {
  while (Atomics.load(words, 0) !== ${requested}) Atomics.wait(words, 0, ${idle});
  if (numbers[0] !== 0) {
    numbers[1] = Number(execute(numbers[0]));
    Atomics.store(words, 0, ${executed});
    Atomics.notify(words, 0);
    parentPort.postMessage(0);
  }
  for (let index = 0; index < words[1]; index++) {
    args.writeBigUInt64LE(BigInt(numbers[${firstDoomed} + index]), workerData.offset);
    destroy(address);
  }
  numbers[0] = 0;
  words[1] = 0;
  Atomics.store(words, 0, ${idle});
  Atomics.notify(words, 0);
}
`;

/**
 * A thread that starts programs. On GPUs and TPUs that takes a moment; the CPU plugin computes small programs before it returns. Unlike a
 * call in libuv's pool it can be waited for on the JavaScript thread.
 */
export class Launcher {
  private readonly mail = new SharedArrayBuffer(headerBytes + 8 * (firstDoomed + mostDoomed));
  private readonly words = new Int32Array(this.mail, 0, 2);
  private readonly numbers = new Float64Array(this.mail, headerBytes);
  private readonly worker: Worker;
  private answer: ((returned: number) => void) | undefined;
  private readonly doomed: number[] = [];
  /** Messages of calls that were waited for. */
  private numLate = 0;

  constructor(private readonly api: Api) {
    this.worker = new Worker(program, {
      eval: true,
      execArgv: [],
      workerData: {
        koffi: createRequire(import.meta.url).resolve('koffi'),
        functions: [api.pointer('PJRT_LoadedExecutable_Execute'), api.pointer('PJRT_Buffer_Destroy')],
        mail: this.mail,
        size: layout.structs.PJRT_Buffer_Destroy_Args.size,
        offset: layout.structs.PJRT_Buffer_Destroy_Args.fields.buffer.offset,
      },
    });
    this.worker.on('message', () => {
      if (this.numLate > 0) this.numLate--;
      else this.finish();
    });
    this.worker.on('error', (error) => {
      throw error;
    });
    this.worker.unref();
  }

  /** Executes with the arguments at an address; `answer` gets what was returned, after this turn or from `wait`. One at a time. */
  run(args: number, answer: (returned: number) => void): void {
    this.settle(idle);
    this.answer = answer;
    this.worker.ref(); // the process stays until it is done
    this.numbers[0] = args;
    this.numbers.set(this.doomed, firstDoomed);
    this.words[1] = this.doomed.length;
    this.doomed.length = 0;
    this.send();
  }

  /** Waits on this thread for what runs, if anything does. */
  wait(): void {
    if (this.answer === undefined) return;
    this.settle(executed);
    this.numLate++;
    this.finish();
  }

  /** Frees handles of buffers whose memory others have taken over: with the next program, once the device is at work. */
  destroy(pointers: readonly number[]): void {
    for (const pointer of pointers) this.doomed.push(pointer);
    this.api.live.buffers -= pointers.length;
    while (this.doomed.length > mostDoomed) {
      this.settle(idle);
      this.numbers.set(this.doomed.splice(0, mostDoomed), firstDoomed);
      this.words[1] = mostDoomed;
      this.send();
    }
  }

  private send(): void {
    Atomics.store(this.words, 0, requested);
    Atomics.notify(this.words, 0);
  }

  /** Waits on this thread until the launcher has come to a state, or beyond. */
  private settle(state: typeof idle | typeof executed): void {
    for (let now = this.now; now !== idle && now !== state; now = this.now) Atomics.wait(this.words, 0, now);
  }

  private get now(): number {
    return Atomics.load(this.words, 0);
  }

  private finish(): void {
    const { answer } = this;
    this.answer = undefined;
    this.worker.unref();
    answer?.(this.numbers[1] ?? 0);
  }
}
