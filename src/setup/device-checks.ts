import { existsSync } from 'node:fs';
import { findPlugins } from '../engine/pjrt/find-plugin.js';
import type { FoundPlugin } from '../engine/pjrt/find-plugin.js';
import { PjrtClient } from '../engine/pjrt/runtime.js';
import type { Check } from './diagnosis.js';

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** The plugins of this machine, each with its devices and their memory. They are opened for it, and closed again. */
export function deviceChecks(plugins: readonly FoundPlugin[] = findPlugins()): Check[] {
  const checks = plugins.map(pluginCheck);
  const hasGpu = existsSync('/dev/nvidiactl') || existsSync('/proc/driver/nvidia/version');
  if (hasGpu && !plugins.some(({ platform }) => platform === 'cuda')) {
    checks.push({
      name: 'GPU',
      state: 'note',
      value: 'an NVIDIA driver is here, but no plugin for its GPUs: npx trainbook setup --cuda13 (or --cuda12)',
    });
  }
  if (checks.length === 0) {
    checks.push({
      name: 'plugins',
      state: 'note',
      value: 'none: compiled functions run by TensorFlow, on the processor',
    });
  }
  return checks;
}

function pluginCheck({ path, platform, source }: FoundPlugin): Check {
  const name = `plugin ${platform ?? '(unknown)'}`;
  let client: PjrtClient | undefined;
  try {
    client = PjrtClient.create(path, platform === 'cuda' ? { preallocate: false } : {});
    const { apiVersion, devices } = client;
    const opened = client;
    const described = devices.map((device, index) => {
      const memory = opened.memory(device);
      const limit =
        memory?.limit === undefined ? '' : `, ${gigabytes(memory.inUse)} of ${gigabytes(memory.limit)} in use`;
      return `${opened.platform}:${index} (${device.kind}${limit})`;
    });
    const version = `PJRT ${apiVersion.major}.${apiVersion.minor}`;
    return { name, state: 'ok', value: `${described.join(', ')}; ${version}, ${source} ${path}` };
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).split('\n').map((line) => line.trim());
    return { name, state: 'note', value: `${source} ${path}: ${lines.join('; ')}` };
  } finally {
    client?.destroy();
  }
}
