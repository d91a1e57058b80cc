/**
 * Products of bfloat16 as XLA runs them fast on a CPU. In a trace they are TensorFlow's: bfloat16 in, bfloat16 out, cast to float32,
 * and the left factor may be transposed. XLA's library of CPU kernels (YNNPACK) has products of bfloat16 with a float32 result, left
 * factor as it lies; any other product of bfloat16 is computed in float32, several times slower than AMX. Hence
 *
 *     Cast(MatMul(A, B))   →   XlaDotV2(A, B) with a float32 result, which then is not even rounded
 *     Cast(MatMul(Aᵀ, B))  →   the same of a transposed copy of A, or (Bᵀ A)ᵀ with one of B where that copies less
 *
 * Barriers keep XLA from undoing this: it would fold transposes into the product after it has chosen the kernel, and then have none.
 */
import type { Attributes, Elements, Node, Spec, Trace } from '../trace.js';
import { sizeOf } from '../trace.js';

/** The trace with its products of bfloat16 rewritten, and the traces within it. */
export function productsForXla(trace: Trace): Trace {
  return new Rewriting(trace).rewrite();
}

class Rewriting {
  private readonly values: Spec[];
  private readonly constants: Map<number, Elements>;
  private readonly nodes: Node[] = [];

  constructor(private readonly trace: Trace) {
    this.values = [...trace.values];
    this.constants = new Map(trace.constants);
  }

  rewrite(): Trace {
    const { trace } = this;
    const float32Results = castProducts(trace);
    for (const node of trace.nodes) {
      const result = float32Results.get(node.outputs[0] ?? -1);
      if (result !== undefined) this.product(node, result);
      else if (node.op !== 'Cast' || !float32Results.has(node.inputs[0] ?? -1)) {
        this.nodes.push({ ...node, attributes: withTraces(node.attributes) });
      }
    }
    const { values, constants, nodes } = this;
    return { ...trace, values, constants, nodes };
  }

  private product(node: Node, result: number): void {
    const [a = -1, b = -1] = node.inputs;
    const [transposeA, transposeB] = [isTransposed(node, 'a'), isTransposed(node, 'b')];
    const size = (value: number): number => sizeOf(this.spec(value).shape);
    if (!transposeA) this.dot(node, a, b, transposeB, result);
    else if (transposeB || size(a) <= size(b) + size(result)) this.dot(node, this.transposed(a), b, transposeB, result);
    else {
      const { dtype, shape } = this.spec(result);
      const exchanged = this.add({ dtype, shape: lastExchanged(shape) });
      this.dot(node, this.transposed(b), a, false, exchanged);
      this.transpose(exchanged, result);
    }
  }

  /** A B, or A Bᵀ, in float32. */
  private dot(node: Node, a: number, b: number, transposeB: boolean, result: number): void {
    const rank = this.spec(a).shape.length;
    const attributes: Attributes = {
      LhsT: { type: this.spec(a).dtype },
      RhsT: { type: this.spec(b).dtype },
      preferred_element_type: { type: 'float32' },
      dimension_numbers: { string: dimensionNumbers(rank, rank - 1, transposeB ? rank - 1 : rank - 2) },
      precision_config: { string: '' },
    };
    const factors = [a, b].map((value) => this.keep(value, this.add(this.spec(value))));
    const product = this.add(this.spec(result));
    this.nodes.push({ ...node, op: 'XlaDotV2', inputs: factors, outputs: [product], attributes });
    this.keep(product, result);
  }

  /**
   * A copy with the last two axes exchanged. It is made with one axis more and then reshaped: XLA gives the result of a transpose the
   * layout that its input has, so that nothing moves, and chooses the product's kernel by that layout.
   */
  private transposed(value: number): number {
    const { dtype, shape } = this.spec(value);
    const exchanged = lastExchanged(shape);
    const deeper = this.reshape(value, { dtype, shape: [1, ...shape] });
    const moved = this.transpose(deeper, this.add({ dtype, shape: [1, ...exchanged] }));
    return this.reshape(this.keep(moved, this.add(this.spec(moved))), { dtype, shape: exchanged });
  }

  private transpose(value: number, result: number): number {
    const { dtype, shape } = this.spec(value);
    const order = lastExchanged(shape.map((_, axis) => axis));
    return this.node('Transpose', [value, this.integers(order)], result, {
      T: { type: dtype },
      Tperm: { type: 'int32' },
    });
  }

  private reshape(value: number, spec: Spec): number {
    return this.node('Reshape', [value, this.integers(spec.shape)], this.add(spec), {
      T: { type: spec.dtype },
      Tshape: { type: 'int32' },
    });
  }

  /** The value behind a barrier. */
  private keep(value: number, result: number): number {
    return this.node('XlaOptimizationBarrier', [value], result, { T: { types: [this.spec(value).dtype] } });
  }

  private node(op: string, inputs: readonly number[], result: number, attributes: Attributes): number {
    this.nodes.push({ op, inputs, outputs: [result], attributes });
    return result;
  }

  private integers(values: readonly number[]): number {
    const constant = this.add({ dtype: 'int32', shape: [values.length] });
    this.constants.set(constant, Int32Array.from(values));
    return constant;
  }

  private add(spec: Spec): number {
    return this.values.push(spec) - 1;
  }

  private spec(value: number): Spec {
    const spec = this.values[value];
    if (spec === undefined) throw new Error(`internal: the trace ${this.trace.name} has no value ${value}`);
    return spec;
  }
}

/** Products of bfloat16, equal in their batch axes, whose only use is a cast to float32: each with the value of that cast. */
function castProducts({ nodes, values, outputs }: Trace): Map<number, number> {
  const uses = new Map<number, Node[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const known = uses.get(input);
      if (known === undefined) uses.set(input, [node]);
      else known.push(node);
    }
  }
  const results = new Map<number, number>();
  for (const { op, inputs, outputs: products } of nodes) {
    const [product = -1] = products;
    if ((op !== 'MatMul' && op !== 'BatchMatMulV2') || values[product]?.dtype !== 'bfloat16') continue;
    const [batchOfA, batchOfB] = inputs.map((input) => String(values[input]?.shape.slice(0, -2)));
    const [use, ...others] = uses.get(product) ?? [];
    if (batchOfA !== batchOfB || use?.op !== 'Cast' || others.length > 0 || outputs.includes(product)) continue;
    const [cast = -1] = use.outputs;
    if (values[cast]?.dtype === 'float32') results.set(product, cast);
  }
  return results;
}

function isTransposed({ op, attributes }: Node, factor: 'a' | 'b'): boolean {
  const key = op === 'MatMul' ? `transpose_${factor}` : factor === 'a' ? 'adj_x' : 'adj_y';
  const attribute = attributes[key];
  return attribute !== undefined && 'bool' in attribute && attribute.bool;
}

function withTraces(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes).map(([key, attribute]): [string, Attributes[string]] => [
    key,
    'trace' in attribute ? { trace: productsForXla(attribute.trace) } : attribute,
  ]);
  return Object.fromEntries(entries);
}

function lastExchanged(sizes: readonly number[]): number[] {
  return [...sizes.slice(0, -2), ...sizes.slice(-2).reverse()];
}

/**
 * XLA's DotDimensionNumbers, serialised: fields 1 and 2 are the axes of the left and of the right factor that are summed over, 3 and 4
 * the batch axes of both, here all but the last two.
 */
function dimensionNumbers(rank: number, left: number, right: number): string {
  const field = (number: number, axes: readonly number[]): number[] =>
    axes.length === 0 ? [] : [(number << 3) | 2, axes.length, ...axes];
  const batch = Array.from({ length: rank - 2 }, (_, axis) => axis);
  return String.fromCharCode(...field(1, [left]), ...field(2, [right]), ...field(3, batch), ...field(4, batch));
}
