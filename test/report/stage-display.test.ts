import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stageDisplay } from '../../src/report/stage-display.js';
import { pretendKernel } from './kernel-writer.js';

describe('the display of a stage', () => {
  let kernel: ReturnType<typeof pretendKernel>;
  beforeEach(() => {
    kernel = pretendKernel();
  });
  afterEach(() => {
    kernel.stop();
  });

  it('draws charts and its line at most twice a second, however fast the steps are, and ends as interactive charts', async () => {
    let now = 0;
    const display = stageDisplay('base', ['loss', 'tokensPerSecond'], () => now);
    const seconds = 5;
    const steps = 2000;
    for (let step = 1; step <= steps; step++) {
      now = (step / steps) * seconds * 1000;
      display.onEvent({ type: 'metrics', stage: 'base', step, values: { loss: 1 / step, tokensPerSecond: 10 } });
      display.onEvent({
        type: 'progress',
        stage: 'base',
        progress: { task: 'pretrain', done: step, total: steps + 1 },
      });
    }
    const updatesOf = new Map<string, number>();
    for (const { place } of kernel.sent) updatesOf.set(place, (updatesOf.get(place) ?? 0) + 1);
    expect(updatesOf.size).toBe(3); // the line, the loss, the rate
    for (const updates of updatesOf.values()) {
      expect(updates).toBeLessThanOrEqual(2 * seconds + 1);
      expect(updates).toBeGreaterThanOrEqual(2 * seconds - 1);
    }
    expect(kernel.sent.some(({ data }) => 'application/vnd.plotly.v1+json' in data)).toBe(false);
    expect(String(kernel.sent.findLast(({ data }) => 'text/html' in data)?.data['text/html'])).toContain(
      '<progress value="',
    );
    kernel.sent.length = 0;
    await display.end('done');
    const ends = kernel.sent.map(({ data }) => Object.keys(data));
    expect(ends).toEqual([
      ['text/plain', 'text/html'],
      ['text/plain', 'image/svg+xml', 'application/vnd.plotly.v1+json'],
      ['text/plain', 'image/svg+xml', 'application/vnd.plotly.v1+json'],
    ]);
  });
});
