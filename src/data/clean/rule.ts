import type { Document } from '../document.js';
import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';

/**
 * A rule of your own: keeps documents for which `keeps` is true. Where it is false, the document is dropped by the rule's name; where it is a
 * string, too, and the string is the evidence in the ledger.
 *
 * A function does not travel to other threads: on shards such a step runs in the thread that it was made in.
 *
 * @example
 * await load('web.jsonl').through(
 *   rule('no recipes', ({ text }) => !text.includes('tablespoon')),
 *   rule('not too long', ({ text }) => text.length <= 50_000 || `${text.length} characters`),
 * );
 */
export function rule(name: string, keeps: (document: Document) => boolean | string): LocalStep {
  return localStep(name, (document): Verdict => {
    const answer = keeps(document);
    if (answer === true) return { keep: document };
    return answer === false ? { drop: name } : { drop: name, evidence: answer };
  });
}
