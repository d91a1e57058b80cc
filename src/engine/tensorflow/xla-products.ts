/**
 * Matrix products as XLA runs them fast on a CPU. Its library of kernels there (YNNPACK) has float32 × float32 and bfloat16 × bfloat16,
 * both with a float32 result, and wants the left factor as it lies in memory. TensorFlow's ops round a product of bfloat16 to
 * bfloat16, and a weight's gradient is a product with a transposed left factor, Xᵀ dY. XLA computes the first in float32, several times
 * slower than AMX; the second by slower code, a batch of them on one thread. Hence
 *
 *     Cast(A B) of bfloat16   →   A B with a float32 result (`XlaDotV2`), which then is not even rounded
 *     Aᵀ B                    →   the product of a transposed copy of A, or (Bᵀ A)ᵀ with a copy of B where that moves less
 *
 * Barriers keep XLA from undoing this: it folds transposes into products, also after it has chosen their kernels; for bfloat16 it then
 * has none.
 */
import { boolOf } from '../rules/attributes.js';
import { sameShape } from '../rules/inputs.js';
import { type Attributes, type Elements, type Node, sizeOf, type Spec, specOf, type Trace } from '../trace.js';

/** The trace with such products rewritten, and the traces within it. */
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
    const results = rewritten(trace);
    for (const node of trace.nodes) {
      const result = results.get(node.outputs[0] ?? -1);
      if (result !== undefined) this.product(node, result);
      else if (node.op !== 'Cast' || results.get(node.inputs[0] ?? -1) !== node.outputs[0]) {
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
   * With the last two axes exchanged. XLA gives a transpose the layout that its input has, so that nothing moves, and copies later, fast,
   * to the layout that a product wants. But it looks at the layout before that when it asks for a kernel for bfloat16; so those are
   * transposed with one axis more, and a reshape has the plain layout.
   */
  private transposed(value: number): number {
    const { dtype, shape } = this.spec(value);
    const exchanged = lastExchanged(shape);
    if (dtype === 'float32') return this.transpose(value, this.add({ dtype, shape: exchanged }));
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
    return specOf({ name: this.trace.name, values: this.values }, value);
  }
}

/**
 * The products to rewrite, each with the value that is its float32 result: of bfloat16 whose only use is a cast to float32, that of the
 * cast; of float32 with a transposed left factor, their own. Batch axes must be equal: no kernel stretches them.
 */
function rewritten({ name, nodes, values, outputs }: Trace): Map<number, number> {
  const numUses = new Map<number, number>();
  for (const value of [...nodes.flatMap(({ inputs }) => inputs), ...outputs])
    numUses.set(value, (numUses.get(value) ?? 0) + 1);
  const casts = new Map(nodes.filter(({ op }) => op === 'Cast').map(({ inputs, outputs }) => [inputs[0], outputs[0]]));
  const spec = (value = -1): Spec => specOf({ name, values }, value);
  const results = new Map<number, number>();
  for (const node of nodes) {
    if (node.op !== 'MatMul' && node.op !== 'BatchMatMulV2') continue;
    const [a, b] = node.inputs.map((input) => spec(input).shape.slice(0, -2));
    if (!sameShape(a ?? [], b ?? [])) continue;
    const [product = -1] = node.outputs;
    const cast = casts.get(product);
    const { dtype } = spec(product);
    if (dtype === 'float32' && isTransposed(node, 'a')) results.set(product, product);
    if (dtype !== 'bfloat16' || cast === undefined || numUses.get(product) !== 1) continue;
    if (spec(cast).dtype === 'float32') results.set(product, cast);
  }
  return results;
}

function isTransposed({ op, attributes }: Node, factor: 'a' | 'b'): boolean {
  const key = op === 'MatMul' ? `transpose_${factor}` : factor === 'a' ? 'adj_x' : 'adj_y';
  return boolOf(attributes, key, false);
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
