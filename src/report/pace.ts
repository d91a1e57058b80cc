/** Milliseconds between two drawings of what changes: fast enough to look alive, too slow to take time from training. */
const INTERVAL = 500;

/** Says yes at most twice a second. */
export function pace(now: () => number): () => boolean {
  let last = -Infinity;
  return () => {
    if (now() - last < INTERVAL) return false;
    last = now();
    return true;
  };
}
