import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { TrainbookError } from '../../error.js';
import { sitePackagesOf, surroundings } from '../library.js';
import type { Surroundings } from '../library.js';
import { cpuPluginPath } from './plugin.js';

/** A plugin on disk. */
export interface FoundPlugin {
  /** What it is for; undefined where only loading it would tell. */
  readonly platform: string | undefined;
  readonly path: string;
  /** Where it was found: `TRAINBOOK_PJRT_PLUGIN`, the package of a Python environment, or the set-up. */
  readonly source: string;
}

/** The packages that hold a plugin, the best of each platform first, and where in `site-packages` it lies. */
const packages: readonly { readonly platform: string; readonly name: string; readonly library: string }[] = [
  { platform: 'cuda', name: 'jax-cuda13-pjrt', library: 'jax_plugins/xla_cuda13/xla_cuda_plugin.so' },
  { platform: 'cuda', name: 'jax-cuda12-pjrt', library: 'jax_plugins/xla_cuda12/xla_cuda_plugin.so' },
  { platform: 'tpu', name: 'libtpu', library: 'libtpu/libtpu.so' },
  { platform: 'cpu', name: 'xla-cpu-pjrt', library: 'xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so' },
  { platform: 'cpu', name: 'lammps-jax-pjrt-cpu', library: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so' },
];

/**
 * All plugins of this machine, in the order in which they are taken: what `TRAINBOOK_PJRT_PLUGIN` names (`/path/plugin.so`, or
 * `cuda=/path/plugin.so`; several with commas between), then the packages of the project's `.venv` and of an active Python
 * environment, then the CPU plugin of the set-up.
 */
export function findPlugins(around: Surroundings = surroundings(), folder: string = process.cwd()): FoundPlugin[] {
  const named = namedPlugins(around.environment['TRAINBOOK_PJRT_PLUGIN'] ?? '');
  const environments = [
    projectEnvironment(folder),
    around.environment['VIRTUAL_ENV'],
    around.environment['CONDA_PREFIX'],
  ];
  const prefixes = new Set(environments.filter((prefix): prefix is string => prefix !== undefined && prefix !== ''));
  const installed = [...prefixes]
    .flatMap(sitePackagesOf)
    .flatMap((site) =>
      packages.map(({ platform, name, library }) => ({ platform, path: join(site, library), source: name })),
    );
  const ofSetUp: FoundPlugin = { platform: 'cpu', path: cpuPluginPath(around), source: 'set-up' };
  return [...named, ...[...installed, ofSetUp].filter(({ path }) => existsSync(path))];
}

function namedPlugins(text: string): FoundPlugin[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [, platform, path] = /^(?:([A-Za-z0-9_-]+)=)?(.+)$/.exec(part) ?? [];
      return { platform: platform?.toLowerCase(), path: resolve(path ?? part), source: 'TRAINBOOK_PJRT_PLUGIN' };
    });
}

/** The nearest `.venv` at or above a folder. */
function projectEnvironment(folder: string): string | undefined {
  const here = join(folder, '.venv');
  if (existsSync(here)) return here;
  const above = dirname(folder);
  return above === folder ? undefined : projectEnvironment(above);
}

/** The plugin of a platform that is taken, or undefined. */
export function findPlugin(
  platform = 'cpu',
  around: Surroundings = surroundings(),
  folder: string = process.cwd(),
): FoundPlugin | undefined {
  const plugins = findPlugins(around, folder);
  return (
    plugins.find((plugin) => plugin.platform === platform) ?? plugins.find((plugin) => plugin.platform === undefined)
  );
}

/**
 * The plugin of a platform.
 *
 * @throws TrainbookError where there is none, with the command that fetches it.
 */
export function requirePlugin(platform: string, around: Surroundings = surroundings(), folder?: string): FoundPlugin {
  const plugin = findPlugin(platform, around, folder);
  if (plugin !== undefined) return plugin;
  const names = packages.filter((known) => known.platform === platform).map(({ name }) => name);
  throw new TrainbookError({
    what: `device: there is no PJRT plugin for ${platform}`,
    received: `nothing in TRAINBOOK_PJRT_PLUGIN, .venv or an active Python environment`,
    expected: names.length === 0 ? `the plugin of ${platform}'s vendor` : names.join(' or '),
    fix: fixes[platform] ?? 'set TRAINBOOK_PJRT_PLUGIN to the path of the plugin',
  });
}

const fixes: Readonly<Record<string, string>> = {
  cuda: 'npx trainbook setup --cuda13 (or --cuda12), or set TRAINBOOK_PJRT_PLUGIN to the path of a plugin',
  tpu: 'python -m pip install libtpu in .venv, or set TRAINBOOK_PJRT_PLUGIN to the path of libtpu.so',
  cpu: 'npx trainbook setup --cpu-plugin, or set TRAINBOOK_PJRT_PLUGIN to the path of a plugin',
};

/** The folder of CUDA's own tools (ptxas, libdevice) beside a CUDA plugin of a Python environment. */
export function cudaFolder(plugin: string): string | undefined {
  const nvidia = join(dirname(plugin), '..', '..', 'nvidia');
  return [join(nvidia, 'cu13'), join(nvidia, 'cuda_nvcc')].find((folder) => existsSync(folder));
}
