/** Runs `work` while holding the lock file at `path`; `onWait` is called once when somebody else holds it. */
export function withLock<T>(path: string, work: () => Promise<T>, onWait?: (owner: string) => void): Promise<T>;
