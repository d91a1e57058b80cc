/** Pools and their gradients: one operation for each element under a window. */
import type { Attributes, DType, Rule, RuleInput, Spec } from '../trace.js';
import { sizeOf } from '../trace.js';
import { intsOf } from './attributes.js';
import { floats, reals, requireDtype, signed } from './dtypes.js';
import { knownSizes, requireRank, sameShape, takeInputs } from './inputs.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { formatShape, refuse } from './refuse.js';
import { arrange, layoutOf, spaceOf, spatial, windowPositions } from './window.js';

/** The shape of the pool of x. Windows over the channels, which tfjs cannot ask for, are refused. */
function pooledShape(
  op: string,
  inputs: readonly RuleInput[],
  x: readonly number[],
  rank: 4 | 5,
  attributes: Attributes,
): readonly number[] {
  const layout = layoutOf(attributes, rank);
  const sizes = spatial(op, inputs, attributes, 'ksize', layout);
  const strides = spatial(op, inputs, attributes, 'strides', layout);
  const space = windowPositions(op, inputs, attributes, layout, spaceOf(layout, x), { sizes, strides, dilations: [] });
  return arrange(layout, x[0] ?? 0, space, x[layout.channelAxis] ?? 0);
}

/** Elements of the pooled tensor x size of the window. */
function poolFlops(pooled: Spec | undefined, attributes: Attributes): number {
  return pooled === undefined ? 0 : sizeOf(pooled.shape) * sizeOf(intsOf(attributes, 'ksize'));
}

const pool =
  (rank: 4 | 5, dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [x] = takeInputs(op, inputs, 'input');
      const dtype = requireDtype(op, dtypes, x);
      requireRank(op, inputs, x, rank, 'input');
      return [{ dtype, shape: pooledShape(op, inputs, x.spec.shape, rank, attributes) }];
    },
    flops: (_inputs, [output], attributes) => poolFlops(output, attributes),
  });

function requirePooled(op: string, input: RuleInput, name: string, shape: readonly number[]): void {
  if (!sameShape(input.spec.shape, shape))
    refuse(op, [input], `\`${name}\` does not have the shape of the pool`, formatShape(shape));
}

/** The gradient of a mean needs only the shape of what was pooled. */
const averageGradient =
  (rank: 4 | 5): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [shapeInput, gradient] = takeInputs(op, inputs, 'orig_input_shape', 'grad');
      const dtype = requireDtype(op, floats, gradient);
      const shape = knownSizes(op, 'orig_input_shape', shapeInput);
      if (shape.length !== rank) refuse(op, inputs, `${formatShape(shape)} is not the shape of images`, `rank ${rank}`);
      requirePooled(op, gradient, 'grad', pooledShape(op, inputs, shape, rank, attributes));
      return [{ dtype, shape }];
    },
    flops: (inputs, _outputs, attributes) => poolFlops(inputs[1], attributes),
  });

/** The gradient of a maximum goes to where the maximum was. */
const maximumGradient =
  (rank: 4 | 5, dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs, attributes): ReturnType<Rule['infer']> {
      const [x, pooled, gradient] = takeInputs(op, inputs, 'orig_input', 'orig_output', 'grad');
      const dtype = requireDtype(op, dtypes, x, pooled, gradient);
      requireRank(op, inputs, x, rank, 'orig_input');
      const shape = pooledShape(op, inputs, x.spec.shape, rank, attributes);
      requirePooled(op, pooled, 'orig_output', shape);
      requirePooled(op, gradient, 'grad', shape);
      return [{ dtype, shape: x.spec.shape }];
    },
    flops: (inputs, _outputs, attributes) => poolFlops(inputs[2], attributes),
  });

const volumeTypes: readonly DType[] = ['float16', 'bfloat16', 'float32'];

export const pooling = named({
  AvgPool: pool(4, floats),
  AvgPoolGrad: averageGradient(4),
  AvgPool3D: pool(5, floats),
  AvgPool3DGrad: averageGradient(5),
  MaxPool: pool(4, [...signed, 'uint8', 'uint16']),
  MaxPoolGrad: maximumGradient(4, reals),
  MaxPool3D: pool(5, volumeTypes),
  MaxPool3DGrad: maximumGradient(5, volumeTypes),
});
