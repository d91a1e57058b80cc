import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkVersion, loadApi } from '../../../src/engine/pjrt/api.js';
import { layout } from '../../../src/engine/pjrt/layout.js';
import { optionsOfEnvironment } from '../../../src/engine/pjrt/client-options.js';
import { compileOptions } from '../../../src/engine/pjrt/compile-options.js';
import { cudaFolder, findPlugin, findPlugins, requirePlugin } from '../../../src/engine/pjrt/find-plugin.js';
import { PjrtError } from '../../../src/engine/pjrt/pjrt-error.js';
import { cpuPluginPath, installCpuPlugin } from '../../../src/engine/pjrt/plugin.js';
import { sizeAt, Struct } from '../../../src/engine/pjrt/struct.js';

const folder = mkdtempSync(join(tmpdir(), 'trainbook-插件-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const around = (environment: Record<string, string> = {}) =>
  ({ environment: { TRAINBOOK_CACHE: folder, ...environment }, platform: 'linux', arch: 'x64', home: folder }) as const;

describe('finding a plugin', () => {
  it('takes the one that is named, else the one of a Python environment, else the one of the set-up', () => {
    expect(findPlugin('cpu', around({ TRAINBOOK_PJRT_PLUGIN: '/a/plugin.so' }), folder)?.path).toBe('/a/plugin.so');
    const two = around({ TRAINBOOK_PJRT_PLUGIN: 'cuda=/a/cuda.so,neuron=/a/neuron.so' });
    expect(findPlugin('cuda', two, folder)?.path).toBe('/a/cuda.so');
    expect(findPlugin('neuron', two, folder)?.path).toBe('/a/neuron.so');
    expect(findPlugin('cpu', two, folder)).toBeUndefined();
    expect(cpuPluginPath(around()).startsWith(join(folder, 'pjrt'))).toBe(true);

    const project = join(folder, 'project');
    const packages = join(project, '.venv', 'lib', 'python3.12', 'site-packages');
    const put = (...parts: string[]): string => {
      const path = join(packages, ...parts);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
      return path;
    };
    const older = put('jax_plugins', 'xla_cuda12', 'xla_cuda_plugin.so');
    const newer = put('jax_plugins', 'xla_cuda13', 'xla_cuda_plugin.so');
    put('nvidia', 'cu13', 'bin', 'ptxas');
    expect(findPlugins(around(), join(project, 'src')).map(({ path, source }) => [path, source])).toEqual([
      [newer, 'jax-cuda13-pjrt'],
      [older, 'jax-cuda12-pjrt'],
    ]);
    expect(findPlugin('cuda', around(), project)?.path).toBe(newer);
    expect(cudaFolder(newer)).toBe(join(packages, 'nvidia', 'cu13'));
  });

  it('says what fetches one where there is none', () => {
    expect(() => requirePlugin('cuda', around(), folder)).toThrow(/no PJRT plugin for cuda[^]*setup --cuda13/);
    expect(() => requirePlugin('tpu', around(), folder)).toThrow(/libtpu/);
    expect(() => requirePlugin('neuron', around(), folder)).toThrow(/vendor[^]*TRAINBOOK_PJRT_PLUGIN/);
  });

  it('says which systems have none, and leaves nothing behind', async () => {
    await expect(installCpuPlugin({ ...around(), platform: 'darwin', arch: 'arm64' })).rejects.toThrow(
      /Linux x64 only[^]*darwin arm64/,
    );
    expect(readdirSync(folder)).not.toContain('pjrt');
  });
});

describe('loading a plugin', () => {
  it('names a file that is missing', () => {
    expect(() => loadApi(join(folder, 'none.so'))).toThrow(/does not exist[^]*TRAINBOOK_PJRT_PLUGIN/);
  });

  it('says why a file does not load', () => {
    const path = join(folder, 'text.so');
    writeFileSync(path, 'no library');
    expect(() => loadApi(path)).toThrow(/does not load[^]*text\.so/);
  });

  it('takes its own version and newer ones, and refuses older ones', () => {
    const { major, minor } = layout.oldest;
    const size = Math.max(...Object.values(layout.functions)) + 8;
    expect(() => {
      checkVersion('p.so', { major, minor }, size);
    }).not.toThrow();
    expect(() => {
      checkVersion('p.so', { major, minor: minor + 40 }, size + 160);
    }).not.toThrow();
    expect(() => {
      checkVersion('p.so', { major, minor: minor - 1 }, size);
    }).toThrow(/received: 0\.56.*\n.*expected: 0\.57 or newer[^]*newer plugin/);
    expect(() => {
      checkVersion('p.so', { major: major + 1, minor: 0 }, size);
    }).toThrow('received: 1.0');
    expect(() => {
      checkVersion('p.so', { major, minor }, size - 8);
    }).toThrow('a table of at least');
  });
});

describe('structs', () => {
  it('writes fields of each width where C has them', () => {
    // struct_size (8), extension_start (8), client (8), data (8), type (4) and padding (4), dims (8), num_dims (8), …
    const args = new Struct('PJRT_Client_BufferFromHostBuffer_Args')
      .set('client', 0x1122334455667788n)
      .set('type', 11)
      .set('num_dims', 2);
    expect(args.bytes.readBigUInt64LE(0)).toBe(BigInt(args.bytes.length));
    expect(args.bytes.readBigUInt64LE(16)).toBe(0x1122334455667788n);
    expect(args.bytes.readInt32LE(32)).toBe(11);
    expect(args.bytes.readBigUInt64LE(48)).toBe(2n);
    expect([args.pointer('client'), args.number('type'), args.number('num_dims')]).toEqual([
      0x1122334455667788n,
      11,
      2,
    ]);
  });
});

describe('structs of other versions', () => {
  it('are as long as the plugin knows them', () => {
    expect(sizeAt('PJRT_ExecuteOptions', 81)).toBe(112); // with context, call_location, task ids
    expect(sizeAt('PJRT_ExecuteOptions', 116)).toBe(112);
    expect(sizeAt('PJRT_ExecuteOptions', 77)).toBe(88);
    expect(sizeAt('PJRT_ExecuteOptions', 64)).toBe(80);
    expect(sizeAt('PJRT_ExecuteOptions', 63)).toBe(72); // up to num_non_donatable_input_indices
    expect(new Struct('PJRT_ExecuteOptions').sizedFor(63).bytes.readBigUInt64LE(0)).toBe(72n);
  });
});

describe('options', () => {
  it('are read from the environment', () => {
    expect(optionsOfEnvironment('cpu', { TRAINBOOK_CPU_DEVICES: '8' })).toEqual({ cpu_device_count: 8 });
    expect(
      optionsOfEnvironment('cuda', {
        TRAINBOOK_CPU_DEVICES: '8',
        TRAINBOOK_GPU_MEMORY_FRACTION: '1',
        TRAINBOOK_GPU_ALLOCATOR: 'cuda_async',
        TRAINBOOK_GPU_PREALLOCATE: '0',
      }),
    ).toEqual({ memory_fraction: { float: 1 }, allocator: 'cuda_async', preallocate: false });
    expect(() => optionsOfEnvironment('cuda', { TRAINBOOK_GPU_MEMORY_FRACTION: '80' })).toThrow(/80[^]*above 0/);
  });

  it('of a program are XLA’s CompileOptionsProto', () => {
    // executable_build_options (3): num_replicas (4) 1, num_partitions (5) 1
    expect([...compileOptions({}, {})]).toEqual([0x1a, 4, 0x20, 1, 0x28, 1]);
    // with use_spmd_partitioning (6), and a device assignment (9) of 1 replica (1) and 2 computations (2), each with its device (3, 1)
    expect([...compileOptions({ partitions: 2, devices: [5, 300] }, {})]).toEqual([
      ...[0x1a, 21, 0x20, 1, 0x28, 2, 0x30, 1],
      ...[0x4a, 13, 0x08, 1, 0x10, 2, 0x1a, 2, 0x08, 5, 0x1a, 3, 0x08, 0xac, 0x02],
    ]);
    // env_option_overrides (7): name (1), value (2) as bool (2), int (3), string (1)
    expect([...compileOptions({}, { a: true, b: 7, c: 'x' })].slice(6)).toEqual([
      ...[0x3a, 7, 0x0a, 1, 97, 0x12, 2, 0x10, 1],
      ...[0x3a, 7, 0x0a, 1, 98, 0x12, 2, 0x18, 7],
      ...[0x3a, 8, 0x0a, 1, 99, 0x12, 3, 0x0a, 1, 120],
    ]);
    expect(() => compileOptions({ partitions: 4, devices: [0] }, {})).toThrow('1 devices for 1 replicas of 4');
  });
});

describe('errors of a plugin', () => {
  const path = '/venv/jax_plugins/xla_cuda13/xla_cuda_plugin.so';
  // the words of jax-cuda13-pjrt 0.12.0.1 on a machine without a GPU
  it('of a missing GPU or driver', () => {
    expect(new PjrtError('Client_Create', 9, 'No visible GPU devices.', path).message).toMatch(
      /no GPU can be seen[^]*No visible GPU devices[^]*nvidia-smi[^]*driver/,
    );
    const old = 'CUDA driver version is insufficient for CUDA runtime version';
    expect(new PjrtError('Client_Create', 13, old, path).message).toMatch(/driver is too old[^]*--cuda12/);
  });

  it('of full memory', () => {
    const words = 'Out of memory while trying to allocate 12884901888 bytes.';
    expect(new PjrtError('LoadedExecutable_Execute', 8, words, path).message).toMatch(/memory of the device is full/);
  });

  it('of a GPU that is too old or too new, and of CUDA’s libraries', () => {
    const kernel = 'CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image is available for execution on the device';
    expect(new PjrtError('Client_Compile', 13, kernel, path).message).toMatch(/no code for this GPU/);
    const cudnn = 'Loaded runtime CuDNN library: 9.1.0 but source was compiled with version: 9.12.0.';
    expect(new PjrtError('Client_Compile', 9, cudnn, path).message).toMatch(/library of CUDA[^]*LD_LIBRARY_PATH/);
  });
});
