import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { z } from 'zod';
import { canonicalJson, hash, hashFile, readJson, writeAtomic } from '../files.js';
import type { Codec } from '../files.js';
import { jsonCodec, unknownKind } from './json-codec.js';
import { isAlive, thisProcess } from './lock.js';
import { laterFormat } from './later-format.js';
import { minded } from './no-space.js';

// runs/store/9f0c…/artifact.json:
// {"format":1,"kind":"corpus","stage":"corpus","code":"77b2…","createdAt":"2026-11-21T14:35:02.113Z",
//  "files":{"documents.jsonl.gz":{"bytes":81223,"hash":"02ab…"}}}
const artifactSchema = z.object({
  format: z.literal(1),
  kind: z.string(),
  stage: z.string(),
  code: z.string(),
  createdAt: z.string(),
  files: z.record(z.string(), z.object({ bytes: z.number(), hash: z.string() })),
});
type Artifact = z.infer<typeof artifactSchema>;
type Files = Artifact['files'];

/** An artifact that was kept and is not whole any more. */
export class DamagedArtifact extends Error {
  constructor(
    readonly artifact: string,
    readonly reason: string,
  ) {
    super(`artifact ${artifact} is damaged: ${reason}`);
  }
}

/** The artifact's name: the hash of its kind and of the bytes of its files, by their names. */
function artifactHash(kind: string, files: Files): string {
  return hash(canonicalJson({ kind, files }));
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => name !== 'artifact.json')
    .map((name) => name.replaceAll(sep, '/'))
    .sort();
}

/** Sends a file's or folder's bytes to the disk, so that a rename never outlives what it names. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined); // Windows opens no folders
  if (handle === undefined) return;
  try {
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}

async function hashFiles(folder: string): Promise<Files> {
  const files: Record<string, { bytes: number; hash: string }> = {};
  for (const name of await listFiles(folder)) {
    const path = join(folder, name);
    files[name] = { bytes: (await stat(path)).size, hash: await hashFile(path) };
    await flush(path);
  }
  return files;
}

/** Artifacts by the hash of their contents: `<folder>/<hash>/`. Many processes may use one store at once. */
export class Store {
  readonly folder: string;
  readonly #codecs: readonly Codec<unknown>[];
  /** Artifacts that were found whole before: `damage` reads them once in a process, `get` each time. */
  readonly #whole = new Set<string>();

  constructor(folder: string, codecs: readonly Codec<unknown>[]) {
    this.folder = folder;
    this.#codecs = [...codecs, jsonCodec(codecs)];
  }

  #codec(kind: string): Codec<unknown> {
    const codec = this.#codecs.find((each) => each.kind === kind);
    if (codec === undefined) throw unknownKind(kind);
    return codec;
  }

  /** The codec that keeps a value: the first that knows it, else JSON. */
  codecOf(value: unknown): Codec<unknown> {
    return this.#codecs.find((each) => each.is(value)) ?? this.#codec('json');
  }

  /** Writes a value beside the store's artifacts and renames it into place; one that is there already stays. */
  put(value: unknown, about: { readonly stage: string; readonly code: string }): Promise<string> {
    return minded(`the artifact of stage ${about.stage}`, this.folder, () => this.#put(value, about));
  }

  async #put(value: unknown, about: { readonly stage: string; readonly code: string }): Promise<string> {
    const { kind } = this.codecOf(value);
    const beside = temporaryPath(this.folder);
    await mkdir(beside, { recursive: true });
    try {
      await this.codecOf(value).write(value, beside);
      const files = await hashFiles(beside);
      const name = artifactHash(kind, files);
      const artifact: Artifact = { format: 1, kind, ...about, createdAt: new Date().toISOString(), files };
      await writeAtomic(join(beside, 'artifact.json'), JSON.stringify(artifact));
      await flush(beside);
      for (;;) {
        await this.#touch(name);
        if ((await this.#findDamage(name)) === undefined) return name;
        await this.remove(name);
        try {
          await rename(beside, join(this.folder, name));
          await flush(this.folder);
          return name;
        } catch (error) {
          // Another process put the same artifact there between our look and our rename.
          if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
        }
      }
    } finally {
      await rm(beside, { recursive: true, force: true });
    }
  }

  /** Notes that an artifact is used now, before it is looked at: the garbage collection leaves it alone then. */
  async #touch(name: string): Promise<void> {
    const now = new Date();
    await utimes(join(this.folder, name, 'artifact.json'), now, now).catch(() => undefined); // gone, or not ours
  }

  async #describe(name: string): Promise<Artifact | string> {
    const value = await readJson(join(this.folder, name, 'artifact.json')).catch(() => undefined);
    if (value === undefined) return 'artifact.json is missing or no JSON';
    // Not damage: what a later version wrote must not be removed by this one.
    const { format } = (value ?? {}) as { format?: unknown };
    if (typeof format === 'number' && format > 1) throw laterFormat(`artifact ${name}`, format);
    const parsed = artifactSchema.safeParse(value);
    return parsed.success ? parsed.data : `artifact.json: ${z.prettifyError(parsed.error)}`;
  }

  /** Why an artifact cannot be used: a missing file, a hash that is not its own; undefined if it is whole. */
  async damage(name: string): Promise<string | undefined> {
    await this.#touch(name);
    if (this.#whole.has(name) && (await this.has(name))) return undefined;
    const reason = await this.#findDamage(name);
    if (reason === undefined) this.#whole.add(name);
    return reason;
  }

  async #findDamage(name: string): Promise<string | undefined> {
    const artifact = await this.#describe(name);
    if (typeof artifact === 'string') return artifact;
    if (artifactHash(artifact.kind, artifact.files) !== name) return 'its files are not those of its name';
    for (const [file, expected] of Object.entries(artifact.files)) {
      const path = join(this.folder, name, file);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined) return `${file} is missing`;
      if (found.size !== expected.bytes) return `${file} has ${found.size} bytes instead of ${expected.bytes}`;
      if ((await hashFile(path)) !== expected.hash) return `${file} has other contents than were written`;
    }
    return undefined;
  }

  /** Whether there is such a folder at all, damaged or not. */
  async has(name: string): Promise<boolean> {
    return (await stat(join(this.folder, name)).catch(() => undefined)) !== undefined;
  }

  async kindOf(name: string): Promise<string> {
    const artifact = await this.#describe(name);
    if (typeof artifact === 'string') throw new DamagedArtifact(name, artifact);
    return artifact.kind;
  }

  /** @throws DamagedArtifact if it is not whole */
  async get(name: string): Promise<unknown> {
    const reason = await this.#findDamage(name);
    if (reason !== undefined) throw new DamagedArtifact(name, reason);
    return this.#codec(await this.kindOf(name)).read(join(this.folder, name));
  }

  /** Gives back the native memory of a value that `get` gave. */
  dispose(value: unknown): void {
    this.codecOf(value).dispose?.(value);
  }

  /** Moves an artifact out of the way at one instant, then deletes it. */
  async remove(name: string): Promise<void> {
    this.#whole.delete(name);
    const aside = temporaryPath(this.folder);
    await mkdir(dirname(aside), { recursive: true });
    await rename(join(this.folder, name), aside).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
    await rm(aside, { recursive: true, force: true });
  }

  /** Deletes what processes that were killed left half-written. */
  async sweep(): Promise<void> {
    const folder = join(this.folder, 'tmp');
    for (const name of await readdir(folder).catch(() => [])) {
      const { mtimeMs = 0 } = (await stat(join(folder, name)).catch(() => undefined)) ?? {};
      if (!isTemporaryLive(name, mtimeMs)) {
        await rm(join(folder, name), { recursive: true, force: true });
      }
    }
  }
}

/** Whether the process that a name in `tmp/` tells still runs; `sign` as for `isAlive`. */
export function isTemporaryLive(name: string, sign: number): boolean {
  const [pid = '', host = '', started = ''] = name.replaceAll('=', '%').split('~').map(decodeURIComponent);
  return isAlive({ pid: Number(pid), host, started }, sign);
}

/** A path in a store's `tmp/` that nobody else takes; `sweep` deletes it once this process is dead. */
export function temporaryPath(folder: string): string {
  const owner = [String(thisProcess.pid), thisProcess.host, thisProcess.started].map(encodeURIComponent);
  return join(folder, 'tmp', [...owner, randomBytes(6).toString('hex')].join('~').replaceAll('%', '='));
}
