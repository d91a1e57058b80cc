import { TrainbookError } from '../../error.js';
import { specOf, type Trace } from '../trace.js';
import { Operation } from './rule.js';
import { rules } from './rules.js';
import { typeOf, Writer } from './writer.js';
import type { Value } from './writer.js';

export interface PrintOptions {
  /**
   * State: the memory of an input (its place in `trace.inputs`) becomes the memory of an output (its place in
   * `trace.outputs`) of the same dtype and shape.
   */
  readonly donated?: ReadonlyMap<number, number>;
}

/**
 * A trace as a StableHLO program: a module with one function, `main`, that has the trace's inputs and outputs. The text
 * runs on every PJRT plugin.
 *
 * @throws TrainbookError for an op without a rule, naming the line of user code that made it.
 * @example
 * const client = PjrtClient.create(await installCpuPlugin());
 * const program = await client.compile(printStableHlo(trace));
 */
export function printStableHlo(trace: Trace, { donated = new Map() }: PrintOptions = {}): string {
  const write = new Writer();
  const values = new Map<number, Value>();
  trace.inputs.forEach((number, index) => values.set(number, { name: `%arg${index}`, ...specOf(trace, number) }));
  /** Constants are printed where they are first used: many only say a shape or an axis and never are. */
  const valueOf = (number: number): Value => {
    const known = values.get(number);
    if (known !== undefined) return known;
    const elements = trace.constants.get(number);
    if (elements === undefined) throw new Error(`internal: value ${number} of ${trace.name} is used before it is made`);
    const value = write.constant(specOf(trace, number), elements);
    values.set(number, value);
    return value;
  };
  for (const node of trace.nodes) {
    const at = (index: number): number => node.inputs[index] ?? -1;
    const operation = new Operation(
      node,
      node.outputs.map((output) => specOf(trace, output)),
      {
        value: (index) => valueOf(at(index)),
        spec: (index) => specOf(trace, at(index)),
        constant: (index) => trace.constants.get(at(index)),
      },
    );
    const rule = rules.get(node.op);
    if (rule === undefined) {
      throw new TrainbookError({
        what: `stablehlo: no rule for the op ${node.op}${operation.place()}`,
        received: `${node.op} in the trace ${trace.name}`,
        expected: `one of ${[...rules.keys()].sort().join(', ')}`,
        fix: "compute it with other ops, or compile for the target 'xla' or 'graph'",
      });
    }
    const made = rule(operation, write);
    const outputs = 'name' in made ? [made] : made;
    node.outputs.forEach((number, index) => {
      const value = outputs[index];
      const spec = specOf(trace, number);
      if (value === undefined || typeOf(value) !== typeOf(spec)) {
        const got = value === undefined ? 'nothing' : typeOf(value);
        throw new Error(`internal: the rule of ${node.op} makes ${got} where the trace has ${typeOf(spec)}`);
      }
      values.set(number, value);
    });
  }
  return moduleText(trace, write, trace.outputs.map(valueOf), donated);
}

function moduleText(
  trace: Trace,
  write: Writer,
  outputs: readonly Value[],
  donated: ReadonlyMap<number, number>,
): string {
  const parameters = trace.inputs.map((number, index) => {
    const output = donated.get(index);
    const alias = output === undefined ? '' : ` {tf.aliasing_output = ${output} : i32}`;
    return `%arg${index}: ${typeOf(specOf(trace, number))}${alias}`;
  });
  const types = outputs.map(typeOf).join(', ');
  const names = outputs.map(({ name }) => name).join(', ');
  return [
    `module @${symbol(trace.name)} attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {`,
    `  func.func public @main(${parameters.join(', ')}) -> (${types}) {`,
    ...write.lines.map((line) => `    ${line}`),
    outputs.length === 0 ? '    return' : `    return ${names} : ${types}`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** A name as MLIR takes it without quotes. */
function symbol(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_$.]/g, '_');
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
}
