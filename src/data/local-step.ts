import type { Document } from './document.js';
import type { Made, Step, Verdict } from './step.js';

/** A step that judges each document by itself: it may run anywhere, on any part of the corpus, in any order. */
export interface LocalStep extends Step {
  judgeOne(document: Document): Verdict | Promise<Verdict>;
}

/**
 * A step from a function of one document.
 *
 * @example
 * const long = localStep('drop short', (document) =>
 *   document.text.length < 100 ? { drop: 'under 100 characters' } : { keep: document },
 * );
 * const corpus = await load('brown').through(long);
 */
export function localStep(name: string, judgeOne: LocalStep['judgeOne'], made?: Made): LocalStep {
  return {
    name,
    judgeOne,
    judge: async (documents) => {
      const verdicts: Verdict[] = [];
      for (const document of documents) {
        const verdict = judgeOne(document);
        verdicts.push(verdict instanceof Promise ? await verdict : verdict);
      }
      return verdicts;
    },
    ...(made === undefined ? {} : { made }),
  };
}

export function isLocalStep(step: Step): step is LocalStep {
  return 'judgeOne' in step && !('tell' in step);
}
