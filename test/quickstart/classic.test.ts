import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it(
  'the classic flow goes from a table to predictions, better than the commoner class',
  { timeout: 120_000 },
  async () => {
    vi.stubEnv('EPOCHS', '5');
    const said = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await import('../../experiments/classic.js');
    const [, accuracy, f1] = /accuracy (\d\.\d+), weighted F1 (\d\.\d+)/.exec(said.mock.calls.flat().join('\n')) ?? [];
    expect(Number(accuracy)).toBeGreaterThan(0.74); // 0.72 of the applicants are good
    expect(Number(f1)).toBeGreaterThan(0.7);
  },
);
