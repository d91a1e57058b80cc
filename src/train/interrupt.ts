import { createRequire } from 'node:module';

/** Something that the user can stop. */
export interface Interruptible {
  readonly signal: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/**
 * Turns an interrupt (the stop button of a notebook, Ctrl-C in a terminal) into an abort of the signal. The first one asks
 * the work to finish its step and save; a second one, outside a kernel, ends the process as usual.
 *
 * tslab stops waiting for a cell that is interrupted, but whatever the cell awaits goes on in the background: it must be
 * told. The listener is added after a turn of the event loop: while the synchronous part of a cell runs, Node's `vm` takes
 * SIGINT for itself, and a listener added there is called no more and lets the next interrupt kill the kernel.
 *
 * @example
 * const interrupt = await interruptible();
 * const model = await train(start, { …, checkpoints: 'checkpoints', signal: interrupt.signal });
 * interrupt.release();
 */
export async function interruptible(onInterrupt: () => void = () => undefined): Promise<Interruptible> {
  const controller = new AbortController();
  await new Promise((resolve) => setImmediate(resolve));
  const listener = (): void => {
    onInterrupt();
    controller.abort(new DOMException('interrupted by the user', 'AbortError'));
  };
  process.once('SIGINT', listener);
  return {
    signal: controller.signal,
    release: () => {
      process.removeListener('SIGINT', listener);
    },
  };
}

/** Work of this process that was interrupted and has not ended yet: its cell has, but it is saving. */
const ending = new Set<Promise<unknown>>();

/**
 * Runs a task with a signal: the one given; in a notebook's kernel, where none is given, one that the stop button aborts. There the
 * task first waits for what was interrupted before, so that a cell that is run again finds what it saved.
 */
export async function interruptibly<R>(
  given: AbortSignal | undefined,
  onInterrupt: () => void,
  task: (signal: AbortSignal | undefined) => Promise<R>,
  isKernel: () => boolean = inKernel,
): Promise<R> {
  if (given !== undefined || !isKernel()) return task(given);
  await Promise.all(ending);
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const interrupt = await interruptible(() => {
    ending.add(ended);
    onInterrupt();
  });
  try {
    return await task(interrupt.signal);
  } finally {
    interrupt.release();
    ending.delete(ended);
    end();
  }
}

/** Whether this process is a Jupyter kernel for TypeScript: tslab, on which the kernel `trainbook` stands too. */
function inKernel(): boolean {
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  return loaded.some((path) => /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(path));
}
