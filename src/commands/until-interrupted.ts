/** Resolves at Ctrl-C, or the SIGTERM by which a program is ended. */
export async function untilInterrupted(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () => {
        resolve();
      });
    }
  });
}
