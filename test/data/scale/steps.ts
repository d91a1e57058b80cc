import { jointStep } from '../../../src/data/joint-step.js';
import type { JointStep } from '../../../src/data/joint-step.js';
import { localStep } from '../../../src/data/local-step.js';
import type { LocalStep } from '../../../src/data/local-step.js';

/** Puts all letters in upper case; drops texts whose length is a multiple of `of`. */
export function shout(of: number): LocalStep {
  return localStep(
    'shout',
    (document) => {
      const { text } = document;
      if (text.length % of === 0) return { drop: 'a multiple', score: text.length, evidence: text.slice(0, 5) };
      const changes = { letters: text.length };
      const evidence = { letters: text.slice(0, 3) };
      return { keep: { ...document, text: text.toUpperCase() }, changes, evidence, scores: { length: text.length } };
    },
    { module: import.meta.url, name: 'shout', options: [of] },
  );
}

/** Drops the longest documents, that share of all: a threshold that no document knows alone. */
export function longest(share: number): JointStep {
  return jointStep(
    'longest',
    {
      tell: ({ text }, to) => {
        to(0, text.length);
      },
      find: function* ({ values, length }) {
        for (let row = 0; row < length; row++) yield [values[3 * row + 2] ?? 0, values[3 * row + 1] ?? 0];
      },
      decide: ({ values, length }) => {
        const first = Math.floor((1 - share) * length);
        return Array.from({ length: length - first }, (_, index): [number, number] => {
          const row = first + index;
          return [values[2 * row + 1] ?? 0, values[2 * row] ?? 0];
        });
      },
      judgeOne: (keep, score) => (typeof score === 'number' ? { drop: 'among the longest', score } : { keep }),
    },
    { module: import.meta.url, name: 'longest', options: [share] },
  );
}
