/**
 * Aborted by the first Ctrl-C, or the SIGTERM by which a cluster gives notice: what is being done saves its state, and the exit code is 1,
 * since it is not done. The second one ends the process at once.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM'] as const;
  const listener = (received: NodeJS.Signals): void => {
    for (const name of names) process.removeListener(name, listener);
    process.stderr.write('\ninterrupted: saving; once more to stop at once\n');
    controller.abort(new Error(`interrupted by ${received}`));
  };
  for (const name of names) process.on(name, listener);
  return controller.signal;
}
