import type { Layout } from '../mesh/layout.js';
import { specOf, type Trace } from '../trace.js';
import { functionText, Lowering, parameterText, symbol } from './lowering.js';
import type { LoweringRules } from './rule.js';
import { indent } from './writer.js';
import type { ProductPrecision, Value } from './writer.js';

export interface PrintOptions {
  /**
   * State: the memory of an input (its place in `trace.inputs`) becomes the memory of an output (its place in
   * `trace.outputs`) of the same dtype and shape.
   */
  readonly donated?: ReadonlyMap<number, number>;
  /** Over how many devices XLA shares the program out, and how its inputs and outputs lie on them. Default: one device. */
  readonly sharded?: Sharded | undefined;
  /** Products of float32: whole (default), or with factors rounded to 10 bits of mantissa where the device is faster so. */
  readonly products?: ProductPrecision;
  /** Rules that go before those that are registered. */
  readonly rules?: LoweringRules;
}

/** A program for a mesh: GSPMD, Xu 2021 (2105.04663). */
export interface Sharded {
  readonly numDevices: number;
  readonly inputs: readonly Layout[];
  readonly outputs: readonly Layout[];
}

/**
 * A trace as a StableHLO program: a module whose function `main` has the trace's inputs and outputs. The text runs on every
 * PJRT plugin.
 *
 * @throws TrainbookError for an op without a rule, naming the line of user code that made it.
 * @example
 * const client = PjrtClient.create(await installCpuPlugin());
 * const program = await client.compile(printStableHlo(trace));
 */
export function printStableHlo(trace: Trace, options: PrintOptions = {}): string {
  const { donated = new Map<number, number>(), products = 'float32', rules, sharded } = options;
  const lowering = new Lowering(products, rules);
  const write = lowering.writer();
  const parameters = trace.inputs.map((value, index): Value => ({ name: `%arg${index}`, ...specOf(trace, value) }));
  const outputs = lowering.inline(trace, parameters, write);
  const texts = parameters.map((parameter, index) => {
    const output = donated.get(index);
    const taken = output === undefined ? [] : [`tf.aliasing_output = ${output} : i32`];
    return parameterText(parameter, attributes([...taken, ...shardingOf(sharded?.inputs[index])]));
  });
  const results = outputs.map((_, index) => attributes(shardingOf(sharded?.outputs[index])));
  return [
    `module @${symbol(trace.name)} attributes {mhlo.num_partitions = ${sharded?.numDevices ?? 1} : i32, mhlo.num_replicas = 1 : i32} {`,
    ...indent(
      [`func.func public @main${functionText(texts, write, outputs, results)}`, ...lowering.functionTexts],
      '  ',
    ),
    '}',
    '',
  ].join('\n');
}

const shardingOf = (layout: Layout | undefined): string[] =>
  layout === undefined ? [] : [`mhlo.sharding = "${layout.text}"`];

const attributes = (entries: readonly string[]): string => (entries.length === 0 ? '' : ` {${entries.join(', ')}}`);
