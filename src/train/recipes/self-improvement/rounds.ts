import { z } from 'zod';
import type { Figure } from '../../../figure.js';

export const improvementRound = z.strictObject({
  /** 0 is the model that was given. */
  round: z.int().nonnegative(),
  /** The round whose model wrote the answers: the one before. */
  writer: z.int().nonnegative().nullable(),
  /** The round whose model was trained on: 0, or the one before. */
  start: z.int().nonnegative().nullable(),
  /** Answers that were written. */
  generated: z.int().nonnegative(),
  /** Of these, those that are right. */
  verified: z.int().nonnegative(),
  /** Of these, each once. */
  distinct: z.int().nonnegative(),
  /** Of these, those that were learnt from: at most n a problem. */
  kept: z.int().nonnegative(),
  /** Problems with at least one right answer. */
  solved: z.int().nonnegative(),
  /** Updates of the weights. */
  steps: z.int().nonnegative(),
  /** The mean of what held-out answers earn, each written greedily. */
  heldOutScore: z.number(),
  /** The hash of the answers that were kept; empty for round 0. */
  dataHash: z.string(),
  /** The hash of the model's weights. */
  weightsHash: z.string(),
});

/** A round of self-improvement, as a plain record: together they are the lineage of a model. */
export type ImprovementRound = Readonly<z.output<typeof improvementRound>>;

/** The round with the highest held-out score; of equals the first. */
export function bestRound(rounds: readonly ImprovementRound[]): ImprovementRound {
  const [first, ...others] = rounds;
  if (first === undefined) throw new Error('internal: there is no round');
  return others.reduce((best, round) => (round.heldOutScore > best.heldOutScore ? round : best), first);
}

/**
 * Held-out score and the shares of answers that were right and that were kept, round by round.
 *
 * @example
 * const { rounds } = await selfImprove(model, options);
 * improvementFigure(rounds);
 */
export function improvementFigure(rounds: readonly ImprovementRound[]): Figure {
  const written = rounds.filter(({ generated }) => generated > 0);
  const share = (name: string, of: (round: ImprovementRound) => number, color: string): Figure['data'][number] => ({
    type: 'scatter',
    mode: 'lines+markers',
    name,
    x: written.map(({ round }) => round),
    y: written.map((round) => of(round) / round.generated),
    line: { color, dash: 'dot' },
  });
  return {
    title: 'Self-improvement',
    source: `selfImprove, ${rounds.length - 1} rounds`,
    data: [
      {
        type: 'scatter',
        mode: 'lines+markers',
        name: 'held-out score',
        x: rounds.map(({ round }) => round),
        y: rounds.map(({ heldOutScore }) => heldOutScore),
        line: { color: '#3f7fd6' },
      },
      share('right share of answers', ({ verified }) => verified, '#4c9a52'),
      share('kept share of answers', ({ kept }) => kept, '#d0652a'),
    ],
    layout: {
      height: 360,
      xaxis: { title: { text: 'round (0: the model that was given)' }, dtick: 1 },
      yaxis: { title: { text: 'score, share' }, rangemode: 'tozero' },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.15 },
    },
  };
}
