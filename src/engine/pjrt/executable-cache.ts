import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeAtomic } from '../../files.js';
import { cacheFolder } from '../library.js';
import type { ProgramOptions } from './compile-options.js';
import type { PjrtExecutable } from './executable.js';
import type { PjrtClient, PjrtDevice } from './runtime.js';

/*
 * <cache>/executables/<key>.pjrt: "trainbook executable 1\n", the SHA-256 of the rest (32 bytes), the plugin's serialised executable.
 * The key is a hash of all that decides of the result: the program's text, the options, the plugin and its version, the kind of device.
 */

const magic = Buffer.from('trainbook executable 1\n');
const hashBytes = 32;

/** What all files may take together, in bytes; those that were not used for longest go first. */
const mostBytes = 4e9;

/** Compiled programs on disk, so that a program is compiled once on a machine. */
export class ExecutableCache {
  private writing: Promise<unknown> = Promise.resolve();

  constructor(readonly folder: string = join(cacheFolder(), 'executables')) {}

  /** The file of a program. */
  path(client: PjrtClient, text: string, options: ProgramOptions): string {
    const { platform, platformVersion, apiVersion } = client;
    const kind = kindOf(
      client.devices.find(({ id }) => id === (options.devices?.[0] ?? 0)),
      platform,
    );
    const hash = createHash('sha256');
    const { size, mtimeMs } = statSync(client.path); // two builds of a plugin may call themselves by one version
    const plugin = `${platformVersion} ${apiVersion.major}.${apiVersion.minor} ${size} ${mtimeMs}`;
    const parts = [platform, plugin, kind, text];
    for (const part of [...parts, client.options(options)]) hash.update(`${part.length}:`).update(part);
    return join(this.folder, `${hash.digest('hex').slice(0, 32)}.pjrt`);
  }

  /** A program that was compiled before, or undefined. A file that is damaged is told and passed over. */
  find(client: PjrtClient, text: string, options: ProgramOptions): PjrtExecutable | undefined {
    const path = this.path(client, text, options);
    if (!existsSync(path)) return undefined;
    try {
      const program = client.load(contentOf(readFileSync(path)), options);
      void utimes(path, new Date(), new Date()).catch(() => undefined); // a folder that is read only serves too
      return program;
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      console.warn(`trainbook: the compiled program ${path} cannot be used (${reason ?? ''}); it is compiled again`);
      return undefined;
    }
  }

  /** Keeps a program, in the background. A plugin that cannot serialise, or a disk that is full, costs only the next start its time. */
  keep(client: PjrtClient, text: string, options: ProgramOptions, program: PjrtExecutable): void {
    const path = this.path(client, text, options);
    let serialised: Buffer;
    try {
      serialised = program.serialise();
    } catch {
      return;
    }
    const write = async (): Promise<void> => {
      await mkdir(this.folder, { recursive: true });
      await writeAtomic(path, Buffer.concat([magic, digest(serialised), serialised]));
      await this.prune();
    };
    this.writing = this.writing.then(write).catch(() => undefined);
  }

  /** Resolves when all is written. */
  async settled(): Promise<void> {
    await this.writing;
  }

  /** Removes what was not used for longest, where there is too much. */
  async prune(most = mostBytes): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.pjrt'));
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.folder, name);
        const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 })); // another process removed it
        return { path, size, mtimeMs };
      }),
    );
    let total = found.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of found.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (total <= most) return;
      await rm(path, { force: true });
      total -= size;
    }
  }
}

/** Code for a CPU is made for its own features. */
function kindOf(device: PjrtDevice | undefined, platform: string): string {
  return platform === 'cpu' ? `cpu ${cpus()[0]?.model ?? ''}` : (device?.kind ?? '');
}

const digest = (content: Uint8Array): Buffer => createHash('sha256').update(content).digest();

/** @throws if the file is not as it was written. */
function contentOf(file: Buffer): Buffer {
  const content = file.subarray(magic.length + hashBytes);
  const isWhole =
    file.subarray(0, magic.length).equals(magic) &&
    file.subarray(magic.length, magic.length + hashBytes).equals(digest(content));
  if (!isWhole) throw new Error('the file is damaged');
  return content;
}
