import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import type { TrainEvent } from '../../src/train/event.js';
import { reportTo } from '../../src/train/report-to.js';

const stepEvent = (step: number, more: Partial<Extract<TrainEvent, { type: 'step' }>> = {}): TrainEvent => ({
  type: 'step',
  step,
  steps: 1000,
  result: { loss: 3.2144, gradientNorm: 0.5, parts: {}, watched: {}, skipped: false },
  scalars: { learningRate: 0.00083, firstCorrection: 1 },
  seconds: 0.5,
  compiles: step === 1,
  size: 2048,
  unit: 'tokens',
  ...more,
});

describe('reportTo', () => {
  it('tells loss, rate, time left and learning rate; the time by the steps after compilation, evaluations included', () => {
    let clock = 0;
    const notes: (string | undefined)[] = [];
    const on = reportTo(
      'sft',
      undefined,
      ({ note }) => notes.push(note),
      () => clock,
    );
    clock = 30_000; // compiled
    on(stepEvent(1));
    clock = 32_000;
    on(stepEvent(2));
    clock = 37_000; // with an evaluation
    on(stepEvent(3));
    on(stepEvent(1000));
    expect(notes.slice(0, 3)).toEqual([
      'loss 3.214, learning rate 8.3e-4',
      'loss 3.214, 4,096 tokens/s, 33 min left, learning rate 8.3e-4', // 2 s a step
      'loss 3.214, 4,096 tokens/s, 58 min left, learning rate 8.3e-4', // 7 s for 2 steps
    ]);
    expect(notes[3]).toBe('loss 3.214, 4,096 tokens/s, learning rate 8.3e-4');
  });

  it('says hours and seconds where they fit', () => {
    let clock = 0;
    const notes: string[] = [];
    const on = reportTo(
      'sft',
      undefined,
      ({ note = '' }) => notes.push(note),
      () => clock,
    );
    on(stepEvent(1, { steps: 2000 }));
    clock = 6_000;
    on(stepEvent(2, { steps: 2000 }));
    clock = 6_200;
    on(stepEvent(3, { steps: 8 }));
    expect(notes[1]).toContain(', 3 h 20 min left,');
    expect(notes[2]).toContain(', 16 s left,');
  });

  it('gives rows of metrics: the step’s, norms by group, scores, spikes, energy', () => {
    const rows: [number, Record<string, number>][] = [];
    const on = reportTo('sft', (step, values) => rows.push([step, values]), undefined);
    const statistics = { 'layers.0': { gradient: 0.25, weight: 8, update: 0.008 } };
    const numbers = { loss: 2, gradientNorm: 0.5, parts: { a: 1.5, b: 0.5 }, watched: { accuracy: 0.75 } };
    on(stepEvent(1, { result: { ...numbers, skipped: true, statistics } }));
    on({ type: 'evaluation', step: 1, scores: { heldOutLoss: 2.5 } });
    on({ type: 'spike', step: 2, loss: 9, limit: 4, rows: '', documents: [] });
    const energy = { joules: 1800, kilowattHours: 0.0005, seconds: 60, method: 'stated' as const, sources: {} };
    on({ type: 'energy', step: 2, energy });
    expect(rows).toEqual([
      [
        1,
        {
          loss: 2,
          gradientNorm: 0.5,
          'loss.a': 1.5,
          'loss.b': 0.5,
          accuracy: 0.75,
          learningRate: 0.00083,
          skipped: 1,
          'gradientNorm/layers.0': 0.25,
          'weightNorm/layers.0': 8,
          'updateRatio/layers.0': 0.001,
        },
      ],
      [1, { heldOutLoss: 2.5 }],
      [2, { spike: 1 }],
      [2, { energyJoules: 1800 }],
    ]);
  });
});
