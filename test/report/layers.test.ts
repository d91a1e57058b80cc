import fc from 'fast-check';
import { expect, it } from 'vitest';
import { layers } from '../../src/report/layers.js';

it('places each node behind all that it comes from, and gives long edges a lane', () => {
  const { places, edges, columns } = layers([
    { id: 'corpus', from: [], height: 60 },
    { id: 'tokenizer', from: ['corpus'], height: 60 },
    { id: 'base', from: ['corpus', 'tokenizer'], height: 60 },
  ]);
  expect(columns).toBe(3);
  expect([...places].map(([id, { column }]) => [id, column])).toEqual([
    ['corpus', 0],
    ['tokenizer', 1],
    ['base', 2],
  ]);
  const long = edges.find(({ from, to }) => from === 'corpus' && to === 'base');
  expect(long?.through.map(({ column }) => column)).toEqual([0, 1, 2]);
  const tokenizer = places.get('tokenizer');
  // The lane does not run through the box beside it: half of 60 and more away from its middle.
  expect(Math.abs((long?.through[1]?.y ?? 0) - (tokenizer?.y ?? 0))).toBeGreaterThan(30);
});

it('never lets nodes of a column overlap, nor an edge lead back', () => {
  const graphs = fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { minLength: 1, maxLength: 15 });
  fc.assert(
    fc.property(graphs, (parents) => {
      const nodes = parents.map((from, index) => ({
        id: String(index),
        from: [...new Set(from.filter((parent) => parent < index))].map(String),
        height: 30 + (index % 3) * 10,
      }));
      const { places, edges, height } = layers(nodes);
      expect(places.size).toBe(nodes.length);
      for (const { through } of edges) {
        through.slice(1).forEach(({ column }, index) => {
          expect(column).toBe((through[index]?.column ?? 0) + 1);
        });
      }
      const all = [...places.values()].sort((a, b) => a.column - b.column || a.y - b.y);
      all.forEach((place, index) => {
        expect(place.y - place.height / 2).toBeGreaterThanOrEqual(-1e-9);
        expect(place.y + place.height / 2).toBeLessThanOrEqual(height + 1e-9);
        const before = all[index - 1];
        if (before?.column !== place.column) return;
        expect(place.y - place.height / 2).toBeGreaterThanOrEqual(before.y + before.height / 2);
      });
    }),
  );
});
