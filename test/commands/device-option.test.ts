import { afterEach, describe, expect, it, vi } from 'vitest';
import { chooseDevice } from '../../src/commands/device-option.js';
import { UsageError } from '../../src/commands/usage.js';
import { currentDevice, setDevice } from '../../src/engine/device.js';

afterEach(() => {
  vi.unstubAllEnvs();
  delete process.env['TRAINBOOK_DEVICE'];
  setDevice('tensorflow');
});

describe('--device', () => {
  it('holds for this process and those that it starts', async () => {
    process.env['TRAINBOOK_DEVICE'] = 'neuron:0';
    await chooseDevice('tensorflow');
    expect(currentDevice()).toBe('tensorflow');
    expect(process.env['TRAINBOOK_DEVICE']).toBe('tensorflow');
  });

  it('is else what the environment says, and must be there', async () => {
    vi.stubEnv('TRAINBOOK_PJRT_PLUGIN', '');
    process.env['TRAINBOOK_DEVICE'] = 'neuron:0';
    await expect(chooseDevice(undefined)).rejects.toThrow('no PJRT plugin for neuron');
  });

  it('that is no name is wrong usage', async () => {
    await expect(chooseDevice('GPU')).rejects.toThrow(UsageError);
    await expect(chooseDevice('cuda')).rejects.toThrow('write cuda:0');
  });
});
