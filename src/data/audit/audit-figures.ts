import type { Figure } from '../../figure.js';
import type { AuditRow } from './audit.js';

/** What the figures draw of an audit. */
interface Drawn {
  readonly by: string;
  readonly groups: readonly string[];
  readonly rows: readonly AuditRow[];
  readonly named: readonly { readonly group: string }[];
}

/** Groups that can be told apart by colour; where there are more, one colour is for all others. */
const MOST_GROUPS = 6;
const OTHERS = 'rgb(120, 131, 143)';

/** How many of each group a step keeps: a point a group, its 95% interval as a line, side by side at each step. */
export function survivalFigure(audit: Drawn): Figure {
  const steps = stepsOf(audit);
  const groups = drawnGroups(audit);
  return {
    title: `Kept by each step, by ${audit.by}`,
    source: 'audit of the ledger',
    data: groups.map((group, index) => {
      const rows = steps.flatMap((step, x) => {
        const found = audit.rows.find((row) => row.step === step && row.group === group);
        return found === undefined || found.documentsIn === 0 ? [] : [{ x, ...found }];
      });
      return {
        type: 'scatter',
        mode: 'markers',
        name: group,
        // Beside each other, so that their intervals can be read.
        x: rows.map(({ x }) => x + ((index + 0.5) / groups.length - 0.5) * 0.6),
        y: rows.map(({ survival }) => 100 * survival.value),
        error_y: {
          type: 'data',
          symmetric: false,
          array: rows.map(({ survival }) => 100 * (survival.high - survival.value)),
          arrayminus: rows.map(({ survival }) => 100 * (survival.value - survival.low)),
        },
        marker: { size: 8 },
      };
    }),
    layout: {
      height: 360,
      xaxis: {
        tickmode: 'array',
        tickvals: steps.map((_, x) => x),
        ticktext: [...steps],
        range: [-0.5, steps.length - 0.5],
        zeroline: false,
        automargin: true,
      },
      yaxis: { title: { text: 'documents kept (%)' }, zeroline: false },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom' },
      margin: { t: 48 },
    },
  };
}

/** The share of each group of the characters that are left, from what was read to what the last step leaves. */
export function sharesFigure(audit: Drawn): Figure {
  const steps = stepsOf(audit);
  const groups = drawnGroups(audit);
  const rest = audit.groups.length > groups.length;
  const at = (step: string | undefined, group: string): AuditRow | undefined =>
    audit.rows.find((row) => row.step === step && row.group === group);
  const shares = groups.map((group) => [
    100 * (at(steps[0], group)?.characterShareIn ?? 0),
    ...steps.map((step) => 100 * (at(step, group)?.characterShareOut ?? 0)),
  ]);
  const others = ['', ...steps].map((_, x) =>
    Math.max(0, 100 - shares.reduce((sum, share) => sum + (share[x] ?? 0), 0)),
  );
  const x = ['at first', ...steps.map((step) => `after ${step}`)];
  const bars = groups.map((name, index) => ({ name, y: shares[index] ?? [] }));
  return {
    title: `Share of each ${audit.by} in the characters left`,
    source: 'audit of the ledger',
    data: [
      ...bars.map(({ name, y }) => ({ type: 'bar' as const, name, x, y })),
      ...(rest ? [{ type: 'bar' as const, name: 'all others', x, y: others, marker: { color: OTHERS } }] : []),
    ],
    layout: {
      height: 360,
      barmode: 'stack',
      bargap: 0.35,
      xaxis: { type: 'category', automargin: true },
      yaxis: { title: { text: 'characters (%)' }, zeroline: false },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom' },
      margin: { t: 48 },
    },
  };
}

function stepsOf({ rows }: Drawn): readonly string[] {
  return [...new Set(rows.map(({ step }) => step))];
}

/** Those that are named, and of the others the largest. */
function drawnGroups({ groups, rows, named }: Drawn): readonly string[] {
  const size = (group: string): number => rows.find((row) => row.group === group)?.documentsIn ?? 0;
  const isNamed = new Set(named.map(({ group }) => group));
  const order = [...groups].sort((a, b) => Number(isNamed.has(b)) - Number(isNamed.has(a)) || size(b) - size(a));
  const drawn = new Set(order.slice(0, groups.length > MOST_GROUPS ? MOST_GROUPS - 1 : MOST_GROUPS));
  return groups.filter((group) => drawn.has(group));
}
