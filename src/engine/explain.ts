import { rules } from './rules/index.js';
import { bytesOf, formatSpec, sizeOf, type Node, type Spec, type Trace } from './trace.js';

export interface OpCost {
  readonly op: string;
  /** Floating-point operations. */
  readonly flops: number;
  /** Bytes read and written if nothing is fused. */
  readonly bytes: number;
  readonly output: string;
  readonly line?: string;
}

export interface Explanation {
  readonly name: string;
  readonly numOps: number;
  readonly flops: number;
  readonly bytes: number;
  /** How often each op occurs, most frequent first. */
  readonly counts: Readonly<Record<string, number>>;
  /** The ten ops with the most floating-point operations (bytes where these are equal). */
  readonly mostExpensive: readonly OpCost[];
  toString(): string;
}

/** What a trace costs, from its shapes alone; a trace within a trace counts as often as it runs (`scan`: its length). */
export function explain(trace: Trace): Explanation {
  const costs = costsOf(trace, 1);
  const counts = new Map<string, number>();
  for (const { op } of costs) counts.set(op, (counts.get(op) ?? 0) + 1);
  const flops = costs.reduce((sum, cost) => sum + cost.flops, 0);
  const bytes = costs.reduce((sum, cost) => sum + cost.bytes, 0);
  const mostExpensive = [...costs].sort((a, b) => b.flops - a.flops || b.bytes - a.bytes).slice(0, 10);
  const explanation = {
    name: trace.name,
    numOps: costs.length,
    flops,
    bytes,
    counts: Object.fromEntries([...counts].sort(([, a], [, b]) => b - a)),
    mostExpensive,
  };
  return { ...explanation, toString: () => format(explanation) };
}

function costsOf(trace: Trace, times: number): OpCost[] {
  return trace.nodes.flatMap((node) => {
    const inner = Object.values(node.attributes).flatMap((attribute) =>
      'trace' in attribute ? [attribute.trace] : [],
    );
    if (inner.length > 0) {
      const { _length: length } = node.attributes;
      const repeats = length !== undefined && 'int' in length ? length.int : 1;
      return inner.flatMap((body) => costsOf(body, times * repeats));
    }
    return [costOf(trace, node, times)];
  });
}

function costOf(trace: Trace, node: Node, times: number): OpCost {
  const specs = (values: readonly number[]): Spec[] => values.flatMap((value) => trace.values[value] ?? []);
  const [inputs, outputs] = [specs(node.inputs), specs(node.outputs)];
  const elements = outputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const flops = rules[node.op]?.flops?.(inputs, outputs, node.attributes) ?? elements;
  const bytes = [...inputs, ...outputs].reduce((sum, spec) => sum + bytesOf(spec), 0);
  return {
    op: node.op,
    flops: flops * times,
    bytes: bytes * times,
    output: outputs.map(formatSpec).join(', '),
    ...(node.line === undefined ? {} : { line: node.line }),
  };
}

function format({ name, numOps, flops, bytes, mostExpensive }: Omit<Explanation, 'toString'>): string {
  const rows = mostExpensive.map(
    ({ op, flops: opFlops, bytes: opBytes, output, line }) =>
      `  ${op.padEnd(24)} ${giga(opFlops).padStart(9)} GFLOP ${mega(opBytes).padStart(9)} MB  ${output}${line === undefined ? '' : `  ${line}`}`,
  );
  return [`${name}: ${numOps} ops, ${giga(flops)} GFLOP, ${mega(bytes)} MB if nothing is fused`, ...rows].join('\n');
}

function giga(value: number): string {
  return (value / 1e9).toFixed(3);
}

function mega(value: number): string {
  return (value / 1e6).toFixed(1);
}
