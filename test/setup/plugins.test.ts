import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deviceChecks } from '../../src/setup/device-checks.js';
import { packageRoot } from '../../src/setup/project.js';
import { cudaStep, pipArguments } from '../../src/setup/plugins.js';
import { plugin } from '../engine/pjrt/cpu-plugin.js';

describe('the set-up of CUDA', () => {
  it.each(['cuda12', 'cuda13'] as const)('pins all that %s needs', (cuda) => {
    const lines = readFileSync(join(packageRoot, `requirements-${cuda}.txt`), 'utf8').split('\n');
    const named = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(named.every((line) => /^[a-z0-9-]+==[0-9.]+$/.test(line))).toBe(true);
    expect(named[0]).toMatch(`jax-${cuda}-pjrt==`);
    for (const library of ['cublas', 'cudnn', 'cuda-nvcc', 'nccl', 'cusolver', 'nvjitlink']) {
      expect(
        named.some((line) => line.startsWith(`nvidia-${library}`)),
        library,
      ).toBe(true);
    }
    expect(pipArguments(cuda).slice(-2)).toEqual(['-r', join(packageRoot, `requirements-${cuda}.txt`)]);
    expect(pipArguments(cuda)).toContain('--no-deps');
  });

  it('is for Linux', async () => {
    const around = { environment: {}, platform: 'darwin', arch: 'arm64', home: '/home' } as const;
    const step = cudaStep('/nowhere', 'cuda13', around);
    expect(step.isReady()).toBe(false);
    await expect(step.run(() => undefined)).rejects.toThrow(/Linux only[^]*WSL/);
  });
});

describe('the doctor', () => {
  it.skipIf(plugin.path === undefined)('names plugins and their devices', () => {
    const [check] = deviceChecks([{ platform: 'cpu', path: plugin.path ?? '', source: 'set-up' }]);
    expect(check?.name).toBe('plugin cpu');
    expect(check?.state).toBe('ok');
    expect(check?.value).toMatch(/cpu:0 \(cpu\).*; PJRT 0\.\d+, set-up /);
  });

  it('says what is wrong with a plugin, and where there is none', () => {
    const [check] = deviceChecks([{ platform: 'cuda', path: '/none.so', source: 'TRAINBOOK_PJRT_PLUGIN' }]);
    expect(check).toMatchObject({ state: 'note', name: 'plugin cuda' });
    expect(check?.value).toMatch('the plugin does not exist');
    expect(deviceChecks([]).map(({ state }) => state)).toContain('note');
  });
});
