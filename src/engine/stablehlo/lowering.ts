import { TrainbookError } from '../../error.js';
import { matrixProducts } from '../precision.js';
import { type Node, type Spec, specOf, type Trace } from '../trace.js';
import { impossible } from './impossible.js';
import { ruleOf } from './registry.js';
import { Operation } from './rule.js';
import type { LoweringRules } from './rule.js';
import { indent, listOf, typeOf, Writer } from './writer.js';
import type { ProductPrecision, Value } from './writer.js';

/**
 * Traces as the functions of one module. A trace within a trace becomes a region (the body of a loop) or a function of its
 * own that is called (`call`); functions with one text are one function, so that equal blocks stand in the program once.
 */
export class Lowering {
  /** The text of each function by its name. */
  private readonly functions = new Map<string, string>();
  private readonly nameOfText = new Map<string, string>();
  private readonly nameOfTrace = new Map<Trace, string>();

  /** `rules` go before those that are registered. */
  constructor(
    private readonly products: ProductPrecision = 'float32',
    private readonly rules: LoweringRules = {},
  ) {}

  /** For the body of a function. */
  writer(): Writer {
    return new Writer(this.products);
  }

  /** The functions that `functionOf` was asked for, as text. */
  get functionTexts(): string[] {
    return [...this.functions].map(([name, text]) => `func.func private @${name}${text}`);
  }

  /** The name of the trace as a function of the module. */
  functionOf(trace: Trace): string {
    const known = this.nameOfTrace.get(trace);
    if (known !== undefined) return known;
    const write = this.writer();
    const parameters = trace.inputs.map((value, index): Value => ({ name: `%arg${index}`, ...specOf(trace, value) }));
    const text = functionText(
      parameters.map((parameter) => parameterText(parameter)),
      write,
      this.inline(trace, parameters, write),
    );
    let name = this.nameOfText.get(text);
    if (name === undefined) {
      const plain = symbol(trace.name);
      const isTaken = (candidate: string): boolean => candidate === 'main' || this.functions.has(candidate);
      name = plain;
      for (let count = 2; isTaken(name); count++) name = `${plain}_${count}`;
      this.functions.set(name, text);
      this.nameOfText.set(text, name);
    }
    this.nameOfTrace.set(trace, name);
    return name;
  }

  /** Writes the nodes of a trace whose inputs are `args`; gives its outputs. */
  inline(trace: Trace, args: readonly Value[], write: Writer): Value[] {
    const values = new Map<number, Value>();
    trace.inputs.forEach((number, index) => {
      const arg = args[index];
      if (arg !== undefined) values.set(number, arg);
    });
    /** Constants are printed where they are first used: many only say a shape or an axis and never are. */
    const valueOf = (number: number): Value => {
      const known = values.get(number);
      if (known !== undefined) return known;
      const elements = trace.constants.get(number);
      if (elements === undefined)
        throw new Error(`internal: value ${number} of ${trace.name} is used before it is made`);
      const value = write.constant(specOf(trace, number), elements);
      values.set(number, value);
      return value;
    };
    const casts = castsOfProducts(trace);
    const folded = new Set(casts.values());
    for (const node of trace.nodes) {
      if (node.op === 'Cast' && folded.has(node.outputs[0] ?? -1)) continue;
      const numbers = node.outputs.map((output) => casts.get(output) ?? output);
      const outputs = this.lower(trace, { ...node, outputs: numbers }, valueOf, write);
      numbers.forEach((number, index) => {
        const output = outputs[index];
        if (output !== undefined) values.set(number, output);
      });
    }
    return trace.outputs.map(valueOf);
  }

  private lower(trace: Trace, node: Node, valueOf: (number: number) => Value, write: Writer): readonly Value[] {
    const at = (index: number): number => node.inputs[index] ?? -1;
    const specs = node.outputs.map((output) => specOf(trace, output));
    const operation = new Operation(node, specs, {
      value: (index) => valueOf(at(index)),
      spec: (index) => specOf(trace, at(index)),
      constant: (index) => trace.constants.get(at(index)),
      isConstant: (index) => trace.constants.has(at(index)),
      inline: (inner, args, into) => this.inline(inner, args, into),
      functionOf: (inner) => this.functionOf(inner),
    });
    const rule = this.rules[node.op] ?? ruleOf(node.op);
    if (rule === undefined) throw noRule(operation, trace);
    const made = rule(operation, write);
    const outputs = 'name' in made ? [made] : made;
    specs.forEach((spec, index) => {
      const value = outputs[index];
      if (value !== undefined && typeOf(value) === typeOf(spec)) return;
      throw new TrainbookError({
        what: `stablehlo: the rule of ${node.op}${operation.place()} makes another value than the op has`,
        received: value === undefined ? `nothing for output ${index}` : `${typeOf(value)} for output ${index}`,
        expected: typeOf(spec),
      });
    });
    return outputs;
  }
}

/**
 * The products of half floats whose only use is a cast to float32, each with the result of that cast: they are written as one
 * product with a float32 result, so that its sums are not rounded (`precision.ts`: bfloat16 factors, float32 accumulation).
 */
function castsOfProducts({ name, nodes, values, outputs }: Trace): Map<number, number> {
  const casts = new Map<number, number>();
  const isHalf = ({ dtype }: Spec): boolean => dtype === 'bfloat16' || dtype === 'float16';
  const products = new Set(
    nodes
      .filter(({ op }) => matrixProducts.has(op) || op === 'BatchMatMulV2')
      .flatMap(({ outputs: [product] }) => (product === undefined ? [] : [product]))
      .filter((product) => isHalf(specOf({ name, values }, product))),
  );
  if (products.size === 0) return casts;
  const numUses = new Map<number, number>();
  for (const value of [...nodes.flatMap(({ inputs }) => inputs), ...outputs])
    numUses.set(value, (numUses.get(value) ?? 0) + 1);
  for (const { op, inputs, outputs: results } of nodes) {
    const [product = -1] = inputs;
    const [cast = -1] = results;
    if (op !== 'Cast' || !products.has(product) || numUses.get(product) !== 1) continue;
    if (specOf({ name, values }, cast).dtype === 'float32') casts.set(product, cast);
  }
  return casts;
}

function noRule(operation: Operation, trace: Trace): TrainbookError {
  const reason = impossible[operation.name];
  return new TrainbookError({
    what: `stablehlo: no rule for the op ${operation.name}${operation.place()}${reason === undefined ? '' : `: ${reason}`}`,
    received: `${operation.name} in the trace ${trace.name}`,
    expected: 'an op with a rule in src/engine/stablehlo/, or with one of yours',
    fix:
      `registerLowering('${operation.name}', (op, write) => …) gives it a rule (customCall('…') for a kernel of the plugin); ` +
      "or compute it with other ops, or compile for the target 'xla' or 'graph'",
  });
}

/** `%arg0: tensor<2xf32>`, and the attributes of the argument. */
export function parameterText(parameter: Value, attributes = ''): string {
  return `${parameter.name}: ${typeOf(parameter)}${attributes}`;
}

/** `(%arg0: …) -> (…) { … return … }`, and the attributes of each result. */
export function functionText(
  parameters: readonly string[],
  write: Writer,
  outputs: readonly Value[],
  attributes: readonly string[] = [],
): string {
  const results = outputs.map((output, index) => `${typeOf(output)}${attributes[index] ?? ''}`);
  return [
    `(${parameters.join(', ')}) -> (${results.join(', ')}) {`,
    ...indent([...write.lines, `return${listOf(outputs)}`], '  '),
    '}',
  ].join('\n');
}

/** A name as MLIR takes it without quotes. */
export function symbol(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_$.]/g, '_');
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
}
