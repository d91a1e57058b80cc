/** An answer that was verified. */
export interface ScoredAnswer {
  /** The number of its problem. */
  readonly problem: number;
  readonly completion: string;
  /** What who verifies gave it. */
  readonly score: number;
}

/** Which answers are learnt from. */
export interface KeepOptions {
  /** The lowest score of an answer that is kept. Default: 1, that of a right one. */
  readonly atLeast?: number;
  /** Answers that are kept of a problem, at most: so that easy problems do not crowd out hard ones. Default: 4. */
  readonly perProblem?: number;
  /** Which are kept where there are more: the first drawn, the shortest, or those of the highest score. Default: `drawn`. */
  readonly prefer?: 'drawn' | 'shortest' | 'best';
  /**
   * Answers to a problem that give the same text here count as one. Default: their own text, but for white space. Yuan 2023 takes the list
   * of equations, so that what is kept are different ways to the answer.
   */
  readonly sameAs?: (completion: string) => string;
}

/** What is left of answers. */
export interface KeptAnswers {
  /** Those whose score is high enough. */
  readonly verified: number;
  /** Of these, each once. */
  readonly distinct: number;
  /** Problems of which at least one is kept. */
  readonly solved: number;
  /** In the order of the problems. */
  readonly kept: readonly ScoredAnswer[];
}

/**
 * Rejection sampling: of the answers to each problem those that are right, each once, at most n. Yuan 2023, "Scaling relationship on
 * learning mathematical reasoning" (2308.01825), section 3.3; Zelikman 2022, STaR (2203.14465).
 *
 * @example
 * const { kept } = keepAnswers(scored, { perProblem: 2, prefer: 'shortest' });
 */
export function keepAnswers(answers: readonly ScoredAnswer[], options: KeepOptions = {}): KeptAnswers {
  const { atLeast = 1, perProblem = 4, prefer = 'drawn', sameAs = folded } = options;
  const right = answers.filter(({ score }) => score >= atLeast);
  const ofProblems = new Map<number, ScoredAnswer[]>();
  for (const answer of right) {
    const others = ofProblems.get(answer.problem);
    if (others === undefined) ofProblems.set(answer.problem, [answer]);
    else others.push(answer);
  }
  let distinct = 0;
  const kept = [...ofProblems]
    .sort(([a], [b]) => a - b)
    .flatMap(([, own]) => {
      const first = new Map<string, ScoredAnswer>();
      for (const answer of own.sort(orders[prefer])) {
        const name = sameAs(answer.completion);
        if (!first.has(name)) first.set(name, answer);
      }
      distinct += first.size;
      return [...first.values()].slice(0, perProblem);
    });
  return { verified: right.length, distinct, solved: new Set(kept.map(({ problem }) => problem)).size, kept };
}

/** Sorting is stable: among equals the first drawn comes first. */
const orders: Readonly<Record<'drawn' | 'shortest' | 'best', (a: ScoredAnswer, b: ScoredAnswer) => number>> = {
  drawn: () => 0,
  shortest: (a, b) => a.completion.length - b.completion.length,
  best: (a, b) => b.score - a.score,
};

function folded(text: string): string {
  return text.trim().replace(/\s+/gu, ' ');
}
