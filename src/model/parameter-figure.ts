import { treeEntries } from '../engine/tree.js';
import type { Figure } from '../figure.js';
import { countParameters } from './cost.js';
import type { Described } from './describe.js';

/** So many parameters are in one part of an architecture. */
export interface PartSize {
  readonly part: string;
  readonly parameters: number;
}

/**
 * The parameters by part, in the order of the architecture: a block's parts over all blocks together, linear layers one by one.
 *
 * @example
 * partSizes(bert('base'))[0]; // { part: 'embedding', parameters: 23440896 }
 */
export function partSizes({ specs }: Described, heads: Readonly<Record<string, Described>> = {}): readonly PartSize[] {
  const sizes = new Map<string, number>();
  for (const [path, spec] of treeEntries(specs)) {
    const part = partOf(path.split('.'));
    sizes.set(part, (sizes.get(part) ?? 0) + countParameters(spec));
  }
  return [
    ...[...sizes].map(([part, parameters]) => ({ part, parameters })),
    ...Object.entries(heads).map(([part, head]) => ({ part, parameters: head.numParameters })),
  ];
}

/** `layers.3.attention.query.weight` → `layers: attention`; `layers.0.weight` → `layers: 0`; `positions.weight` → `positions` */
function partOf([first = '', second = '', third = '']: readonly string[]): string {
  if (!/^\d+$/.test(second)) return first;
  return `${first}: ${third === 'weight' || third === 'bias' ? second : third}`;
}

/**
 * Where the parameters of an architecture are: a bar for each part, from its input at the top to its output.
 *
 * @param heads Drawn below the trunk, each by its name.
 * @example
 * parameterFigure(gpt2('small'));
 */
export function parameterFigure(architecture: Described, heads: Readonly<Record<string, Described>> = {}): Figure {
  const sizes = partSizes(architecture, heads);
  const total = sizes.reduce((sum, { parameters }) => sum + parameters, 0);
  const percent = (parameters: number): string => {
    const share = (100 * parameters) / total;
    return share < 0.1 ? 'under 0.1%' : `${share.toFixed(1)}%`;
  };
  // The numbers stand beside the names: bars of small parts have no room for them.
  const label = ({ part, parameters }: PartSize): string =>
    `${part}<br>${parameters.toLocaleString('en-US')} (${percent(parameters)})`;
  return {
    title: 'Where the parameters are',
    source: `${architecture.kind ?? 'head'} of ${total.toLocaleString('en-US')} parameters`,
    data: [
      {
        type: 'bar',
        orientation: 'h',
        x: sizes.map(({ parameters }) => parameters),
        y: sizes.map(label),
        hoverinfo: 'y',
        marker: { color: 'rgb(59, 110, 165)' },
      },
    ],
    layout: {
      height: 80 + 40 * sizes.length,
      margin: { l: 168, r: 16, t: 16, b: 48 },
      xaxis: { title: { text: 'parameters' }, zeroline: false, rangemode: 'tozero' },
      yaxis: { type: 'category', autorange: 'reversed' },
      showlegend: false,
    },
  };
}
