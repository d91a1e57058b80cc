import { stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { ConfigRecorder } from './record.js';
import type { PlainConfig } from './config.js';
import { mayBeInput } from './observe-files.js';
import { buildFolder } from './origin.js';
import { fileIdentity } from './session.js';
import type { Session } from './session.js';
import type { Reads } from './reads.js';

/** All that one execution of a stage reads: config, seed, artifacts, files. */
export class StageRecorder {
  readonly #session: Session;
  readonly #onRead: (reads: Reads) => void;
  readonly #config: ConfigRecorder;
  readonly #artifacts: Record<string, string> = {};
  readonly #files = new Map<string, string>();
  readonly #seen = new Set<string>();
  readonly #pending: Promise<void>[] = [];
  readonly #began = Date.now();
  #seed: number | undefined;

  /** `onRead` gets all reads so far after each that is new. */
  constructor(session: Session, onRead: (reads: Reads) => void) {
    this.#session = session;
    this.#onRead = onRead;
    this.#config = new ConfigRecorder(session.config, () => {
      this.#tell();
    });
  }

  get config(): PlainConfig {
    return this.#config.config;
  }

  get reads(): Reads {
    return {
      config: this.#config.reads,
      ...(this.#seed === undefined ? {} : { seed: this.#seed }),
      artifacts: { ...this.#artifacts },
      files: Object.fromEntries([...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }

  #tell(): void {
    this.#onRead(this.reads);
  }

  readSeed(): void {
    if (this.#seed !== undefined) return;
    this.#seed = this.#session.seed;
    this.#tell();
  }

  readArtifact(name: string, hash: string): void {
    if (this.#artifacts[name] === hash) return;
    this.#artifacts[name] = hash;
    this.#tell();
  }

  /** Notes a file (or folder, for its list of names) by an absolute path. */
  readonly readFile = (path: string): void => {
    if (this.#seen.has(path) || !mayBeInput(path, this.#session.runsFolder, [buildFolder])) return;
    this.#seen.add(path);
    this.#pending.push(this.#hashFile(path));
  };

  async #hashFile(path: string): Promise<void> {
    const found = await stat(path).catch(() => undefined);
    // A file that the stage itself made, and reads again, is no input.
    if (found !== undefined && found.birthtimeMs >= this.#began) return;
    const { root } = this.#session;
    const name = path.startsWith(root + sep) ? path.slice(root.length + 1).replaceAll(sep, '/') : path;
    this.#files.set(name, await fileIdentity(this.#session, name));
    this.#tell();
  }

  /** Waits until every file read is hashed; gives a file that changed while the stage ran, if there is one. */
  async settle(): Promise<string | undefined> {
    for (let count = -1; count !== this.#pending.length;) {
      count = this.#pending.length;
      await Promise.all(this.#pending);
    }
    for (const [name, before] of this.#files) {
      if ((await fileIdentity(this.#session, name)) !== before) return name;
    }
    return undefined;
  }
}
