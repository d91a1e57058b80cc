import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Json } from '../../files.js';
import type { FileHashes } from '../file-hashes.js';
import { libraryFiles, readManifest } from '../../engine/library.js';

/** Of a processor's features those by which libraries choose their code, and so the order of their sums. */
const features = /^(?:sse4_2|avx|avx2|fma|f16c|avx_vnni|avx512\w+|amx_\w+|asimd\w*|sve2?|bf16|i8mm)$/u;

/** /proc/cpuinfo of Linux: `flags : fpu vme … avx2`, or `Features : fp asimd …` on ARM. */
async function cpuFeatures(): Promise<string[]> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const line = /^(?:flags|Features)\s*:\s*(.*)$/mu.exec(text)?.[1] ?? '';
  return line.split(/\s+/u).filter((name) => features.test(name));
}

/** The machine that a run is computed on; memory is in bytes. */
export async function machine(): Promise<Readonly<Record<string, Json>>> {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cpuFeatures: await cpuFeatures(),
    cores: processors.length,
    memory: totalmem(),
    os: `${type()} ${release()}`,
    arch: arch(),
  };
}

/** The models of NVIDIA's GPUs, in their order, as nvidia-smi names them; none where it is not there. */
async function gpuNames(): Promise<string[]> {
  try {
    const args = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
    const { stdout } = await promisify(execFile)('nvidia-smi', args, { timeout: 10_000 });
    return stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  } catch {
    return [];
  }
}

/** The hash of the library's code as the set-up noted it when it unpacked the wheel, or else of its bytes. */
async function libraryHash(folder: string, hashes: FileHashes): Promise<string | undefined> {
  const name = libraryFiles(process.platform)?.cc;
  if (name === undefined) return undefined;
  const noted = readManifest(folder)?.files.find((file) => file.name === name)?.sha256;
  // `hash` of trainbook: the first 16 bytes.
  return noted?.slice(0, 32) ?? hashes.of(join(folder, name));
}

const isRecord = (value: unknown): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the engine says of itself (`engineInfo`), with the hash of its library and the names of the GPUs that it lists. */
export async function engineRecord(engine: Json, hashes: FileHashes): Promise<Json> {
  if (!isRecord(engine)) return engine;
  const { library, devices } = engine;
  const usesGpu = Array.isArray(devices) && devices.some((device) => /gpu|cuda/iu.test(String(device)));
  const path = isRecord(library) ? library['path'] : undefined;
  const code = typeof path === 'string' ? await libraryHash(path, hashes) : undefined;
  return {
    ...engine,
    ...(isRecord(library) && code !== undefined ? { library: { ...library, hash: code } } : {}),
    ...(usesGpu ? { gpus: await gpuNames() } : {}),
  };
}
