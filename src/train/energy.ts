import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/*
 * /sys/class/powercap/
 *   intel-rapl:0/    name: package-0   energy_uj: 61843727105   max_energy_range_uj: 262143328850
 *   intel-rapl:0:0/  name: core        part of its package
 *   intel-rapl:0:1/  name: dram        memory, beside the package
 *   intel-rapl:1/    name: psys        the platform, the packages included
 * AMD's processors have the same names. Since 2020 energy_uj can be read by root alone, unless the system is told otherwise.
 */

/** An estimate of the energy that a training took. */
export interface Energy {
  readonly joules: number;
  readonly kilowattHours: number;
  readonly seconds: number;
  /**
   * How it was found: `measured` of the whole machine's processors or GPUs, idle power and other programs included; `stated`:
   * seconds × the power that was given.
   */
  readonly method: 'measured' | 'stated';
  /** Joules by source: `package-0`, `dram`, `gpu`, or `stated`. What is not named is not counted. */
  readonly sources: Readonly<Record<string, number>>;
}

/** Where energy is read. */
export interface EnergyOptions {
  /** The power of the machine in watts, to be used where nothing can be measured. */
  readonly watts?: number;
  /** Default: `/sys/class/powercap`, of Linux. */
  readonly powercap?: string;
  /** The program that knows the power of NVIDIA's GPUs. Default: `nvidia-smi`. */
  readonly nvidiaSmi?: string;
  /** Milliseconds between two readings. Default 5,000: GPUs tell only their power at a moment, and counters of energy wrap around. */
  readonly interval?: number;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** A measurement that runs. */
export interface EnergyMeter {
  /** Ends it. Nothing where neither a sensor can be read nor a power was given. */
  stop(): Promise<Energy | undefined>;
}

/**
 * Begins to measure energy: processors by their counters (RAPL), NVIDIA's GPUs by the integral of their power over time (trapezoids
 * between readings), else a stated power × seconds.
 *
 * @example
 * const meter = startEnergyMeter({ watts: 65 });
 * await work();
 * const energy = await meter.stop(); // { joules: 1830, kilowattHours: 0.000508, method: 'stated', … }
 */
export function startEnergyMeter(options: EnergyOptions = {}): EnergyMeter {
  const { watts, powercap = '/sys/class/powercap', nvidiaSmi = 'nvidia-smi', interval = 5000 } = options;
  const now = options.now ?? ((): number => performance.now());
  const started = now();
  const joules = new Map<string, number>();
  const add = (source: string, amount: number): void => {
    joules.set(source, (joules.get(source) ?? 0) + amount);
  };
  let zones: readonly Zone[] | undefined;
  let counters: (number | undefined)[] = [];
  let gpu: { readonly watts: number; readonly at: number } | undefined;
  let gpuIsThere = true;

  const readCounters = async (): Promise<void> => {
    zones ??= await zonesOf(powercap);
    const read = await Promise.all(zones.map(({ folder }) => numberIn(join(folder, 'energy_uj'))));
    for (const [index, { name, range }] of zones.entries()) {
      const [before, after] = [counters[index], read[index]];
      if (before !== undefined && after !== undefined) add(name, countedJoules(before, after, range));
    }
    counters = read;
  };
  const readGpu = async (): Promise<void> => {
    if (!gpuIsThere) return;
    const power = await gpuWatts(nvidiaSmi);
    const at = now();
    gpuIsThere = power !== undefined;
    if (power === undefined) return;
    if (gpu !== undefined) add('gpu', (((power + gpu.watts) / 2) * (at - gpu.at)) / 1000);
    gpu = { watts: power, at };
  };
  const readAll = async (): Promise<void> => {
    await Promise.all([readCounters(), readGpu()]);
  };

  let reading = readAll();
  const timer = setInterval(() => {
    reading = reading.then(readAll);
  }, interval);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await reading;
      await readAll();
      const seconds = (now() - started) / 1000;
      const measured = Object.fromEntries(joules);
      if (joules.size > 0) return energyOf('measured', measured, seconds);
      return watts === undefined ? undefined : energyOf('stated', { stated: watts * seconds }, seconds);
    },
  };
}

function energyOf(method: Energy['method'], sources: Readonly<Record<string, number>>, seconds: number): Energy {
  const joules = Object.values(sources).reduce((sum, value) => sum + value, 0);
  return { joules, kilowattHours: joules / 3.6e6, seconds, method, sources };
}

/** What a counter of microjoules has counted; it begins at 0 again beyond its range. */
export function countedJoules(before: number, after: number, range: number): number {
  return (after >= before ? after - before : after + range - before) / 1e6;
}

interface Zone {
  readonly folder: string;
  readonly name: string;
  /** The counter's largest number, in microjoules. */
  readonly range: number;
}

/** Packages, and memory beside them: other zones are parts of a package, or hold it. */
async function zonesOf(powercap: string): Promise<readonly Zone[]> {
  const entries = await readdir(powercap).catch(() => []);
  const zones: Zone[] = [];
  for (const entry of entries.filter((name) => /^intel-rapl:\d+(:\d+)?$/.test(name)).sort()) {
    const folder = join(powercap, entry);
    const name = (await readFile(join(folder, 'name'), 'utf8').catch(() => '')).trim();
    const range = await numberIn(join(folder, 'max_energy_range_uj'));
    if (range !== undefined && /^(package-\d+|dram)$/.test(name)) zones.push({ folder, name, range });
  }
  return zones;
}

async function numberIn(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** The power of the GPUs that this process may see, together; nothing without the program, or where a GPU does not tell. */
function gpuWatts(nvidiaSmi: string): Promise<number | undefined> {
  const visible = process.env['CUDA_VISIBLE_DEVICES'] ?? '';
  const query = ['--query-gpu=power.draw', '--format=csv,noheader,nounits', ...(visible ? [`--id=${visible}`] : [])];
  return new Promise((resolve) => {
    execFile(nvidiaSmi, query, { timeout: 10_000 }, (error, output) => {
      const watts = output
        .trim()
        .split('\n')
        .map((line) => Number.parseFloat(line));
      resolve(
        error === null && watts.every(Number.isFinite) ? watts.reduce((sum, value) => sum + value, 0) : undefined,
      );
    });
  });
}
