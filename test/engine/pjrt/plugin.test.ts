import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkVersion, loadApi } from '../../../src/engine/pjrt/api.js';
import { layout } from '../../../src/engine/pjrt/layout.js';
import { cpuPluginPath, findPlugin, installCpuPlugin } from '../../../src/engine/pjrt/plugin.js';
import { Struct } from '../../../src/engine/pjrt/struct.js';

const folder = mkdtempSync(join(tmpdir(), 'trainbook-插件-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const around = (environment: Record<string, string> = {}) =>
  ({ environment: { TRAINBOOK_CACHE: folder, ...environment }, platform: 'linux', arch: 'x64', home: folder }) as const;

describe('finding a plugin', () => {
  it('takes the one that is named, else the one that is installed', () => {
    expect(findPlugin(around({ TRAINBOOK_PJRT_PLUGIN: '/a/plugin.so' }))).toBe('/a/plugin.so');
    expect(findPlugin(around())).toBeUndefined();
    expect(cpuPluginPath(around()).startsWith(join(folder, 'pjrt'))).toBe(true);
  });

  it('says which systems have none, and leaves nothing behind', async () => {
    await expect(installCpuPlugin({ ...around(), platform: 'darwin', arch: 'arm64' })).rejects.toThrow(
      /Linux x64 only[^]*darwin arm64/,
    );
    expect(readdirSync(folder)).toEqual([]);
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
    const { major, minor } = layout.version;
    const size = Math.max(...Object.values(layout.functions)) + 8;
    expect(() => {
      checkVersion('p.so', { major, minor }, size);
    }).not.toThrow();
    expect(() => {
      checkVersion('p.so', { major, minor: minor + 40 }, size + 160);
    }).not.toThrow();
    expect(() => {
      checkVersion('p.so', { major, minor: minor - 1 }, size);
    }).toThrow(/received: 0\.80.*\n.*expected: 0\.81 or newer/);
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
