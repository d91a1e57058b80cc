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
 */
export async function interruptible(onInterrupt: () => void): Promise<Interruptible> {
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
