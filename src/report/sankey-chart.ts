import { z } from 'zod';
import type { Figure } from '../figure.js';
import { formatNumber } from './format.js';
import { escapeXml } from './line-chart.js';
import type { ChartSize } from './line-chart.js';
import { neutralInk, seriesColour } from './palette.js';
import type { Ink } from './palette.js';

const colours = z.array(z.string()).optional();

/** Plotly's Sankey trace. The basic bundle of Plotly, which a report carries, has none: reports draw it here. */
const sankeySchema = z.object({
  data: z.tuple([
    z.object({
      type: z.literal('sankey'),
      node: z.object({ label: z.array(z.string()), color: colours }),
      link: z.object({
        source: z.array(z.int()),
        target: z.array(z.int()),
        value: z.array(z.number()),
        color: colours,
      }),
    }),
  ]),
});

interface Link {
  readonly source: Node;
  readonly target: Node;
  readonly value: number;
  readonly colour: string;
}

interface Node {
  readonly label: string;
  readonly colour: string;
  readonly incoming: Link[];
  readonly outgoing: Link[];
  column: number;
  y: number;
}

const sum = (links: readonly Link[]): number => links.reduce((total, { value }) => total + value, 0);
const flowOf = (node: Node): number => Math.max(sum(node.incoming), sum(node.outgoing));

/** Sets each node's column: the longest way that leads to it. Throws on a circle, which no pipeline has. */
function setColumns(nodes: readonly Node[]): void {
  const depth = (node: Node, seen: readonly Node[]): number => {
    if (seen.includes(node)) throw new Error(`sankeyChart: the flow through "${node.label}" runs in a circle`);
    return Math.max(0, ...node.incoming.map(({ source }) => 1 + depth(source, [...seen, node])));
  };
  for (const node of nodes) node.column = depth(node, []);
}

function read(figure: Figure): Node[] | undefined {
  const parsed = sankeySchema.safeParse(figure);
  if (!parsed.success) return undefined;
  const [{ node, link }] = parsed.data.data;
  const nodes = node.label.map((label, index): Node => ({
    label,
    colour: node.color?.[index] ?? seriesColour(0),
    incoming: [],
    outgoing: [],
    column: 0,
    y: 0,
  }));
  link.value.forEach((value, index) => {
    const source = nodes[link.source[index] ?? -1];
    const target = nodes[link.target[index] ?? -1];
    if (source === undefined || target === undefined)
      throw new Error(`sankeyChart: link ${index} has an end without a node`);
    const made: Link = { source, target, value, colour: link.color?.[index] ?? seriesColour(0) };
    source.outgoing.push(made);
    target.incoming.push(made);
  });
  setColumns(nodes);
  return nodes;
}

/** A Sankey figure as SVG text, columns from left to right, heights by value; or nothing if the figure is of another kind. */
export function sankeyChart(
  figure: Figure,
  size: ChartSize = { width: 720, height: 300 },
  ink: Ink = neutralInk,
): string | undefined {
  const nodes = read(figure);
  if (nodes === undefined) return undefined;
  const thickness = 10;
  const gap = 40;
  const columns = Math.max(...nodes.map(({ column }) => column)) + 1;
  const inColumn = (column: number): Node[] => nodes.filter((node) => node.column === column);
  // One scale for all columns: the fullest one fits, with room for the labels above its nodes.
  const room = (column: number): number =>
    (size.height - gap * inColumn(column).length - 8) /
    inColumn(column).reduce((total, node) => total + flowOf(node), 0);
  const scale = Math.min(...Array.from({ length: columns }, (_, column) => room(column)));
  const height = (value: number): number => Math.max(1, value * scale);
  const labelRoom = 100;
  const x = (node: Node): number => 4 + (node.column * (size.width - labelRoom - 8)) / Math.max(1, columns - 1);
  for (let column = 0; column < columns; column++) {
    let y = gap;
    for (const node of inColumn(column)) {
      node.y = y;
      y += height(flowOf(node)) + gap;
    }
  }
  const round = (value: number): string => String(Math.round(value * 10) / 10);
  const left = new Map<Node, number>();
  const right = new Map<Node, number>();
  const links = nodes
    .flatMap((node) => node.outgoing)
    .map((link) => {
      const { source, target, value } = link;
      const [fromY, toY] = [source.y + (left.get(source) ?? 0), target.y + (right.get(target) ?? 0)];
      left.set(source, (left.get(source) ?? 0) + height(value));
      right.set(target, (right.get(target) ?? 0) + height(value));
      const [fromX, toX] = [x(source) + thickness, x(target)];
      const [middle, half] = [(fromX + toX) / 2, height(value) / 2];
      const path = `M${round(fromX)} ${round(fromY + half)}C${round(middle)} ${round(fromY + half)} ${round(middle)} ${round(toY + half)} ${round(toX)} ${round(toY + half)}`;
      const colour = link.colour.startsWith('rgba')
        ? `stroke="${escapeXml(link.colour)}"`
        : `stroke="${escapeXml(link.colour)}" stroke-opacity="0.3"`;
      const title = `<title>${escapeXml(`${source.label} → ${target.label}: ${formatNumber(value)}`)}</title>`;
      return `<path d="${path}" fill="none" ${colour} stroke-width="${round(height(value))}">${title}</path>`;
    });
  const bars = nodes.map((node) => {
    const place = `x="${round(x(node))}" y="${round(node.y)}" width="${thickness}" height="${round(height(flowOf(node)))}"`;
    // A dropped branch is labelled by its reason alone: the step it leaves is beside it.
    const name = node.label.split('\u2009✕\u2009').at(-1) ?? node.label;
    const line = (y: number, colour: string, text: string): string =>
      `<text x="${round(x(node))}" y="${round(y)}" fill="${colour}">${escapeXml(text)}</text>`;
    return (
      `<rect ${place} rx="2" fill="${escapeXml(node.colour)}"/>` +
      line(node.y - 20, ink.text, name) +
      line(node.y - 6, ink.muted, formatNumber(flowOf(node)))
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" ` +
    `aria-label="${escapeXml(figure.title)}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12">` +
    [...links, ...bars].join('') +
    '</svg>'
  );
}
