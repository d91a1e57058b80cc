import { expect, test } from 'vitest';
import { terminalEvents } from '../../src/commands/terminal.js';
import type { RunEvent } from '../../src/experiment/event.js';

const summary = { title: 'base', facts: { parameters: 3737856 } };
const events: readonly RunEvent[] = [
  { type: 'run-start', runId: 'r1', folder: 'runs/q/r1', resumed: false },
  {
    type: 'plan',
    stages: [
      { stage: 'corpus', action: 'cached', reason: '', seconds: 0 },
      { stage: 'base', action: 'run', reason: 'no artifact', seconds: 90 },
    ],
    seconds: 90.2,
  },
  { type: 'stage-start', stage: 'base', reason: 'no artifact' },
  { type: 'metrics', stage: 'base', step: 1, values: { loss: 4.25 } },
  { type: 'progress', stage: 'base', progress: { task: 'pretrain', done: 60, total: 240 } },
  { type: 'progress', stage: 'base', progress: { task: 'pretrain', done: 61, total: 240 } },
  { type: 'stage-end', stage: 'base', artifact: 'a', seconds: 75, summary },
  { type: 'run-end', state: 'done', seconds: 80 },
];

/** What is written when each event comes `seconds` after the one before. */
function written(isTerminal: boolean, seconds: number): string {
  let out = '';
  let time = 0;
  const onEvent = terminalEvents({ write: (text) => (out += text), isTerminal, columns: 40 }, () => time);
  for (const event of events) {
    time += seconds * 1000;
    onEvent(event);
  }
  return out;
}

test('into a file: whole lines, progress every ten seconds, the estimate before the work', () => {
  expect(written(false, 10)).toBe(
    [
      'run r1',
      'corpus (stored) → base',
      'estimate: about 1 min 31 s',
      '▶ base',
      '  pretrain 25% (60 of 240)  loss 4.25',
      '  pretrain 25% (61 of 240)  loss 4.25',
      '✓ base in 1 min 15 s',
      '    parameters: 3,737,856',
      'done in 1 min 20 s',
      '',
    ].join('\n'),
  );
  expect(written(false, 1)).not.toContain('pretrain');
});

test('a sample is shown once, from its prompt on', () => {
  let out = '';
  const onEvent = terminalEvents({ write: (text) => (out += text), isTerminal: false, columns: 40 });
  const texts = [
    { title: 'ROMEO:', text: 'ROMEO:\nAy' },
    { title: 'The last tokens', text: '" a"' },
  ];
  onEvent({ type: 'stage-end', stage: 's', artifact: 'a', seconds: 1, summary: { title: 's', facts: {}, texts } });
  expect(out).toContain('\n    ROMEO:\n      Ay\n    The last tokens: " a"\n');
});

test('on a terminal: one line that is written over, never wider than the window', () => {
  const out = written(true, 1);
  expect(out).toContain('\r\x1b[K  pretrain 25% (60 of 240)  loss 4.25');
  expect(out).toContain('\r\x1b[K✓ base in');
  const moving = out.split('\r\x1b[K').map((part) => part.split('\n')[0] ?? '');
  expect(Math.max(...moving.slice(1, 3).map((part) => part.length))).toBeLessThan(40);
});
