import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packBenchmarks } from '../../src/commands/bench-package.js';
import { runProgram } from '../../src/setup/program.js';
import { plugin } from '../engine/pjrt/cpu-plugin.js';

describe.skipIf(plugin.path === undefined)('npx trainbook bench --package', () => {
  it('writes an archive that measures a device with nothing else there', { timeout: 600_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trainbook-package-test-'));
    try {
      const archive = join(folder, 'gpu.tar.gz');
      const bytes = await packBenchmarks(archive, 'accelerator'); // runs it unpacked, in small size
      expect(bytes).toBeLessThan(60 * 2 ** 20);
      await runProgram('tar', ['-xzf', archive, '-C', folder]);
      const { code, stdout, stderr } = await runProgram(
        'sh',
        [join(folder, 'trainbook-bench', 'run.sh'), 'cpu:0', '--quick', '--json', '--peer-python', 'none'],
        {
          cwd: folder,
          environment: { PATH: process.env['PATH'], HOME: folder, TRAINBOOK_PJRT_PLUGIN: `cpu=${plugin.path ?? ''}` },
        },
      );
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      const { machine, benchmarks } = JSON.parse(stdout) as {
        readonly machine: { readonly tensorflow: string };
        readonly benchmarks: {
          readonly measurements: { readonly figure: string; readonly value: number | string }[];
        }[];
      };
      expect(machine.tensorflow).toBe('none');
      const figures = new Map(
        benchmarks.flatMap(({ measurements }) => measurements.map(({ figure, value }) => [figure, value])),
      );
      for (const figure of [
        'product of 64², float32',
        'training, float32',
        'attention, 32 tokens: in blocks',
        'one text in one call',
      ])
        expect(figures.get(figure), figure).toBeGreaterThan(0);
      // what a CPU plugin would only emulate is told, not measured
      expect(figures.get('training, bfloat16')).toMatch(/^not measured: .*emulates bfloat16/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('says where something goes wrong', { timeout: 120_000 }, async () => {
    await expect(packBenchmarks(join(tmpdir(), 'never.tar.gz'), 'no-such-bench')).rejects.toThrow(
      /the dry run of .* failed[\s\S]*no benchmark 'no-such-bench'/,
    );
  });
});
