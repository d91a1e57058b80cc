import { afterEach, beforeEach, vi } from 'vitest';

/** What a command under test has printed since the test began, or since it was emptied. */
export interface Printed {
  stdout: string;
  stderr: string;
}

/** Catches what the tests of a file print. To be called once, outside of tests. */
export function catchPrinted(): Printed {
  const printed: Printed = { stdout: '', stderr: '' };
  beforeEach(() => {
    for (const stream of ['stdout', 'stderr'] as const) {
      printed[stream] = '';
      vi.spyOn(process[stream], 'write').mockImplementation((text) => {
        printed[stream] += String(text);
        return true;
      });
    }
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return printed;
}
