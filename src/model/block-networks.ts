import type { DecoderConfig } from './decoder-options.js';
import type { NetworkPart } from './decoder-specs.js';
import { experts } from './experts.js';
import { mlps } from './mlp.js';
import type { Mlp } from './mlp.js';

/** The position-wise part of each layer: an MLP, or experts from a layer on. */
export function networksOf({
  width,
  hidden,
  mlp: kind,
  experts: options,
}: DecoderConfig): (layer: number) => NetworkPart {
  const mlp: Mlp = mlps[kind];
  const dense: NetworkPart = {
    network: (weights, x, { hidden: left }) => ({ y: mlp.forward(weights, x, left) }),
    shapes: mlp.shapes(width, hidden),
  };
  if (options === undefined) return () => dense;
  const mixture = experts(options);
  const sparse: NetworkPart = {
    network: (weights, x, { dropsNone = false }) => mixture.forward(weights, x, { all: dropsNone }),
    shapes: mixture.shapes(width),
    ...(options.balancedBy === 'bias' && { biased: ['router'] }),
  };
  return (layer) => (layer >= options.fromLayer ? sparse : dense);
}
