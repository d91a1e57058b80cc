/** Seconds of each block of a training that stands still between blocks: at its evaluations. The first has the compiling. */
export function pausedBlocks(
  run: (evaluate: () => Promise<Record<string, number>>) => Promise<unknown>,
): () => Promise<number> {
  let go: () => void = () => undefined;
  let arrived: () => void = () => undefined;
  let running: Promise<unknown> | undefined;
  const evaluate = (): Promise<Record<string, number>> =>
    new Promise((resolve) => {
      go = () => {
        resolve({});
      };
      arrived();
    });
  return async () => {
    const started = performance.now();
    const done = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    if (running === undefined) running = run(evaluate);
    else go();
    await Promise.race([done, running]); // a training that fails says so
    return (performance.now() - started) / 1000;
  };
}
