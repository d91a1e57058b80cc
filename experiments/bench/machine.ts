import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { engineInfo, TrainbookError } from 'trainbook';
import type { Peer } from '../../src/commands/bench.js';
import type { Json } from '../../src/files.js';
import { runProgram } from './built.js';

/** What of a CPU decides how fast matrix products are. */
const telling = /^(fma|avx2|avx_vnni|avx512f|avx512_vnni|avx512_bf16|avx512_fp16|amx_.*|asimd|bf16|i8mm|sve)$/;

/**
 * The machine that figures belong to.
 *
 * @throws TrainbookError where tensors do not run on our engine: figures of another backend would be called ours.
 */
export function machine(peer: Peer | undefined): Readonly<Record<string, Json>> {
  const { reason, library, device } = engineInfo();
  if (library === undefined && device === undefined) {
    throw new TrainbookError({
      what: 'bench: neither libtensorflow nor a plugin is in use',
      received: reason,
      expected: 'the engine that is to be measured',
      fix: 'npx trainbook setup',
    });
  }
  return {
    cpu: cpus()[0]?.model.trim() ?? arch(),
    cores: availableParallelism(),
    features: features(),
    memoryGigabytes: Number((totalmem() / 1e9).toFixed(1)),
    system: `${type()} ${release()} ${arch()}`,
    node: process.versions.node,
    tensorflow: library?.version ?? 'none',
    pytorch: peer?.version ?? 'none',
    load: Number((loadavg()[0] ?? NaN).toFixed(2)),
  };
}

function features(): string[] {
  try {
    const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return flags
      .trim()
      .split(/\s+/)
      .filter((flag) => telling.test(flag));
  } catch {
    return []; // not Linux: no list of features to read
  }
}

/** The Python of `--peer-python`, of TRAINBOOK_PEER_PYTHON, or `python3` where it has PyTorch. */
export async function findPeer(named: string | undefined): Promise<Peer | undefined> {
  if (named === 'none') return undefined;
  const given = named ?? process.env['TRAINBOOK_PEER_PYTHON'];
  const python = given === undefined || given === '' ? 'python3' : given;
  const { code, stdout, stderr } = await runProgram(python, ['-c', 'import torch; print(torch.__version__)']);
  const version = stdout.trim().split('\n').at(-1) ?? '';
  if (code === 0 && version !== '') return { python, version };
  if (given === undefined || given === '') return undefined;
  throw new TrainbookError({
    what: 'bench: this Python has no PyTorch',
    received: `${python}: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    expected: 'a Python that can import torch',
    fix: `${python} -m pip install torch, or --peer-python none`,
  });
}
