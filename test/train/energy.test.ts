import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countedJoules, startEnergyMeter } from '../../src/train/energy.js';
import type { Energy } from '../../src/train/energy.js';
import { train } from '../../src/train/train.js';
import { eventsOf, lineOptions, slopeZero } from './straight-line.js';
import type { TrainEvent } from '../../src/train/event.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'energy-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const range = 262_143_328_850;

/** Writes a zone of a pretended /sys/class/powercap. */
async function zone(entry: string, name: string, microjoules: number | string): Promise<void> {
  await mkdir(join(folder, entry), { recursive: true });
  await writeFile(join(folder, entry, 'name'), `${name}\n`);
  await writeFile(join(folder, entry, 'max_energy_range_uj'), `${range}\n`);
  await writeFile(join(folder, entry, 'energy_uj'), `${microjoules}\n`);
}

const none = '/nowhere/nvidia-smi';

/** A program that prints, as nvidia-smi does. */
async function gpuProgram(body: string): Promise<string> {
  const path = join(folder, 'nvidia-smi');
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

/** The meter over what `meanwhile` changes, with a clock that it sets. */
async function measured(
  options: Parameters<typeof startEnergyMeter>[0],
  meanwhile: (setSeconds: (seconds: number) => void) => Promise<void>,
): Promise<Energy | undefined> {
  let clock = 0;
  const meter = startEnergyMeter({ powercap: folder, nvidiaSmi: none, now: () => clock, ...options });
  await new Promise((resolve) => setTimeout(resolve, 300)); // its first reading
  await meanwhile((seconds) => {
    clock = 1000 * seconds;
  });
  return meter.stop();
}

describe('the energy of a training', () => {
  it('is what the counters of packages and memory have counted; parts of a package are not counted twice', async () => {
    await zone('intel-rapl:0', 'package-0', 1_000_000);
    await zone('intel-rapl:0:0', 'core', 500_000);
    await zone('intel-rapl:0:1', 'dram', 2_000_000);
    await zone('intel-rapl:1', 'package-1', range - 1_000_000);
    await zone('intel-rapl:2', 'psys', 0);
    await zone('intel-rapl-mmio:0', 'package-0', 0);
    const energy = await measured({ watts: 1000 }, async (setSeconds) => {
      await zone('intel-rapl:0', 'package-0', 31_000_000);
      await zone('intel-rapl:0:0', 'core', 20_500_000);
      await zone('intel-rapl:0:1', 'dram', 7_000_000);
      await zone('intel-rapl:1', 'package-1', 3_000_000); // beyond its range, and on from 0
      await zone('intel-rapl:2', 'psys', 90_000_000);
      setSeconds(2);
    });
    expect(energy).toEqual({
      joules: 39,
      kilowattHours: 39 / 3_600_000,
      seconds: 2,
      method: 'measured',
      sources: { 'package-0': 30, dram: 5, 'package-1': 4 },
    });
  });

  it('counts through a wrap: range − before + after', () => {
    expect(countedJoules(5_000_000, 7_500_000, range)).toBe(2.5);
    expect(countedJoules(range - 1_000_000, 500_000, range)).toBe(1.5);
  });

  it('of GPUs is the integral of their power', async () => {
    const program = await gpuProgram(`cat "${join(folder, 'watts')}"`);
    await writeFile(join(folder, 'watts'), '100.00\n50.00\n');
    const energy = await measured({ nvidiaSmi: program }, async (setSeconds) => {
      await writeFile(join(folder, 'watts'), '300.00\n50.00\n');
      setSeconds(10);
    });
    expect(energy).toMatchObject({ method: 'measured', sources: { gpu: ((150 + 350) / 2) * 10 } });
  });

  it('is by the stated power where counters may not be read and GPUs do not tell', async () => {
    await zone('intel-rapl:0', 'package-0', 'not to be read');
    const program = await gpuProgram("echo '[N/A]'");
    const energy = await measured({ watts: 65, nvidiaSmi: program }, (setSeconds) => {
      setSeconds(100);
      return Promise.resolve();
    });
    expect(energy).toEqual({
      joules: 6500,
      kilowattHours: 6500 / 3_600_000,
      seconds: 100,
      method: 'stated',
      sources: { stated: 6500 },
    });
  });

  it('is not known without any of these', async () => {
    expect(await measured({ powercap: join(folder, 'missing') }, () => Promise.resolve())).toBeUndefined();
  });

  it('is the last event, also of a training that was interrupted', async () => {
    const energyAt = async (interrupted: boolean): Promise<[TrainEvent[], unknown]> => {
      const stop = new AbortController();
      const events: TrainEvent[] = [];
      const error: unknown = await train(slopeZero, {
        ...lineOptions([1, 2, 3], { steps: 5 }),
        energy: { watts: 10, powercap: join(folder, 'missing'), nvidiaSmi: none },
        signal: stop.signal,
        on: (event) => {
          events.push(event);
          if (interrupted && event.step === 2) stop.abort();
        },
      }).catch((cause: unknown) => cause);
      return [events, error];
    };
    const [whole] = await energyAt(false);
    expect(whole.at(-1)).toMatchObject({ type: 'energy', step: 5, energy: { method: 'stated' } });
    const [half, error] = await energyAt(true);
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(half.at(-1)).toMatchObject({ type: 'energy', step: 2 });
    const [energy] = eventsOf(half, 'energy').map((event) => event.energy);
    expect(energy?.joules).toBeCloseTo(10 * (energy?.seconds ?? NaN), 9);
  });
});
