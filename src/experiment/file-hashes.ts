import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hash, hashFile, readJson, writeAtomic } from '../files.js';

// runs/store/cache/files.json: {"/project/a.txt":{"stamp":"1764…:1764…:812:4711","hash":"9f0c…"}}
const entrySchema = z.object({ stamp: z.string(), hash: z.string(), specifiers: z.array(z.string()).optional() });
const cacheSchema = z.record(z.string(), entrySchema);
type Entry = z.infer<typeof entrySchema>;

/** A file changed less than this before it was hashed may change again within one tick of the file system's clock. */
const racyMilliseconds = 2000;

/**
 * Hashes of files, remembered by time of change, size and inode: a file that did not change is not read again. As in
 * git, what was changed a moment before it was hashed is not trusted the next time ("racily clean").
 */
export class FileHashes {
  readonly #path: string | undefined;
  readonly #entries: Map<string, Entry>;
  #changed = false;

  private constructor(path: string | undefined, entries: Map<string, Entry>) {
    this.#path = path;
    this.#entries = entries;
  }

  /** Opens the memory kept in a file; a file that is missing or damaged is an empty memory. Without a path nothing is kept. */
  static async open(path?: string): Promise<FileHashes> {
    const value = path === undefined ? {} : await readJson(path).catch(() => ({}));
    const parsed = cacheSchema.safeParse(value);
    return new FileHashes(path, new Map(parsed.success ? Object.entries(parsed.data) : []));
  }

  /** The hash of a file's bytes, or of a folder's list of names; undefined if there is neither. */
  async of(path: string): Promise<string | undefined> {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found === undefined) return undefined;
    if (found.isDirectory()) return hash((await readdir(path)).sort().join('\n'));
    const stamp = `${found.mtimeNs}:${found.ctimeNs}:${found.size}:${found.ino}`;
    const known = this.#entries.get(path);
    if (known?.stamp === stamp) return known.hash;
    const content = await hashFile(path).catch(() => undefined);
    if (content === undefined) return undefined;
    const racy = Date.now() - Number(found.ctimeMs) < racyMilliseconds;
    if (racy) this.#entries.delete(path);
    else this.#entries.set(path, { stamp, hash: content });
    this.#changed = true;
    return content;
  }

  /** What `list` finds in a file (its imports), remembered with its hash. */
  async imports(path: string, list: (path: string) => Promise<string[]>): Promise<readonly string[]> {
    await this.of(path);
    const entry = this.#entries.get(path);
    if (entry?.specifiers !== undefined) return entry.specifiers;
    const specifiers = await list(path);
    if (entry !== undefined) {
      this.#entries.set(path, { ...entry, specifiers });
      this.#changed = true;
    }
    return specifiers;
  }

  /** The hash of all files under a folder whose names end in one of the endings. */
  async ofFolder(folder: string, endings: readonly string[]): Promise<string> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.slice(folder.length).includes('node_modules'))
      .sort();
    const hashes = await Promise.all(paths.map(async (path) => [path.slice(folder.length), await this.of(path)]));
    return hash(JSON.stringify(hashes));
  }

  /** Keeps what was learned. Two processes that save at once lose no more than some memory. */
  async save(): Promise<void> {
    if (!this.#changed || this.#path === undefined) return;
    this.#changed = false;
    await writeAtomic(this.#path, JSON.stringify(Object.fromEntries(this.#entries)));
  }
}
