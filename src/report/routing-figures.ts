import { TrainbookError } from '../error.js';
import type { ExpertRouting } from '../evaluate/expert-routing.js';
import type { Figure } from '../figure.js';
import { heatmapFigure } from './heatmap-figure.js';

/**
 * The load of experts as a figure: a row for each layer, a column for each expert, 1.00 where all have an even share.
 *
 * @example
 * await show(expertLoadFigure(await expertRouting(model, tokens)));
 */
export function expertLoadFigure({ number, layers }: ExpertRouting): Figure {
  return heatmapFigure({
    title: 'Load of experts, in even shares',
    source: 'expertRouting',
    x: Array.from({ length: number }, (_, expert) => String(expert)),
    y: layers.map(({ layer }) => `layer ${layer}`),
    xTitle: 'experts',
    values: layers.map(({ loads }) => loads),
  });
}

/**
 * The tokens of a text, coloured by the expert that each layer sends them to first: a row for each layer, a column for each token. Experts of one
 * colour through a row of equal words route by the word; through places, by the place.
 *
 * @param pieces The text of each token.
 * @throws TrainbookError if there are not as many pieces as tokens.
 * @example
 * await show(expertTokensFigure(await expertRouting(model, tokens), tokens.map((token) => tokenizer.decode([token]))));
 */
export function expertTokensFigure({ number, layers }: ExpertRouting, pieces: readonly string[]): Figure {
  const numTokens = layers[0]?.experts.length ?? 0;
  if (pieces.length !== numTokens || numTokens === 0) {
    throw new TrainbookError({
      what: 'expertTokensFigure: there is not one piece of text for each token',
      received: `${pieces.length} pieces, ${numTokens} tokens`,
      expected: 'as many pieces as tokens',
    });
  }
  const cells = layers.flatMap(({ layer, experts }, row) =>
    experts.map((chosen, column) => ({ layer, row, column, chosen })),
  );
  const names = layers.map(({ layer }) => `layer ${layer}`);
  const shown = pieces.map((piece) => piece.replaceAll('\n', '⏎').replaceAll(' ', '·'));
  return {
    title: 'Tokens by their first expert',
    source: 'expertRouting',
    data: [
      // A cell is a bar of height and width 1 that begins at its row, as in heatmapFigure.
      {
        type: 'bar',
        x: cells.map(({ column }) => column),
        y: cells.map(() => 1),
        base: cells.map(({ row }) => row - 0.5),
        width: 1,
        marker: {
          color: cells.map(({ chosen }) => expertColour(chosen[0] ?? 0, number)),
          line: { width: 1, color: 'rgba(255,255,255,0.6)' },
        },
        hoverinfo: 'text',
        hovertext: cells.map(
          ({ layer, column, chosen }) => `${shown[column] ?? ''} · layer ${layer}: experts ${chosen.join(', ')}`,
        ),
      },
    ],
    layout: {
      height: 120 + 30 * layers.length,
      margin: { l: 72, r: 16, t: 72, b: 16 },
      bargap: 0,
      barmode: 'overlay',
      xaxis: { ...ticks(shown), side: 'top', tickangle: -60, range: [-0.5, numTokens - 0.5] },
      yaxis: { ...ticks(names), range: [layers.length - 0.5, -0.5] },
      showlegend: false,
    },
  };
}

function ticks(names: readonly string[]): object {
  return { tickmode: 'array', tickvals: names.map((_, index) => index), ticktext: [...names], showgrid: false, zeroline: false }; // prettier-ignore
}

/** Hues evenly around the circle, of one lightness. */
export function expertColour(expert: number, number: number): string {
  return `hsl(${Math.round((360 * expert) / number)}, 55%, 55%)`;
}
