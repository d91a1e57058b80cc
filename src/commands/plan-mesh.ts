import { formatBytes, formatNumber, formatSeconds } from '../report/format.js';
import { parseMesh } from '../engine/mesh/grid.js';
import { deviceKinds, networks } from '../train/forecast/device-kinds.js';
import { planMesh } from '../train/forecast/mesh-plan.js';
import type { MeshPlan } from '../train/forecast/mesh-plan.js';
import { meshPlanRows } from '../train/forecast/mesh-plan-rows.js';
import { architectureOf, planFor } from './plan-assumptions.js';
import type { PlanArguments } from './plan-assumptions.js';
import { exponential, formatTime, table } from './plan-text.js';
import { UsageError } from './usage.js';

/** What the command line says of a mesh. */
export interface MeshArguments extends Pick<PlanArguments, 'sizes' | 'plan' | 'tokens'> {
  readonly kind: string;
  readonly network: string | undefined;
  /** `data=8,tensor=8`. */
  readonly mesh: string | undefined;
  readonly pipeline: number | undefined;
  readonly microBatches: number | undefined;
  readonly utilisation: number | undefined;
  readonly overlap: number | undefined;
  readonly json: boolean;
}

/**
 * What a training takes on a mesh of devices, in words or as JSON; of a model that is described, else of models of usual sizes.
 *
 * @throws UsageError for a kind of device or a network that is not known; TrainbookError for what is no mesh.
 */
export function meshPlanText(given: MeshArguments): string {
  const kind = chosen(deviceKinds, 'kind', given.kind);
  const network = chosen(networks, 'network', given.network ?? 'InfiniBand 400');
  const { utilisation, overlap } = given;
  const cluster = { kind, network, ...(utilisation && { utilisation }), ...(overlap !== undefined && { overlap }) };
  const { layers, width, context, vocabularySize } = given.sizes;
  if ([layers, width, context, vocabularySize].every((size) => size === undefined)) {
    const rows = meshPlanRows(cluster);
    if (given.json) return JSON.stringify(rows);
    return [
      `${given.kind}: ${kind.source}`,
      '',
      ...table([
        ['model', 'mesh', 'devices', 'memory', 'step', 'tokens/s', 'utilisation', 'time of 20 tokens a weight'],
        ...rows.map(({ name, mesh, plan }) => [
          name,
          ['data', 'fsdp', 'tensor', 'pipeline']
            .flatMap((axis) => (axis in mesh ? [`${axis}=${mesh[axis as 'data'] ?? 1}`] : []))
            .join(','),
          ...cells(plan),
        ]),
      ]),
    ].join('\n');
  }
  const architecture = architectureOf(given.sizes, undefined);
  const { batchSize, precision, recompute } = planFor(given, undefined);
  const grid = parseMesh(given.mesh ?? 'data=1');
  const { zero, sequence } = grid.choices;
  const plan = planMesh(architecture, {
    ...cluster,
    data: grid.along('data'),
    fsdp: grid.along('fsdp'),
    tensor: grid.along('tensor'),
    ...(zero && { zero }),
    ...(sequence && { sequence }),
    ...(given.pipeline && { pipeline: given.pipeline }),
    ...(given.microBatches && { microBatches: given.microBatches }),
    ...(given.tokens && { tokens: given.tokens }),
    batchSize,
    precision: precision === 'float32' || precision === 'tf32' ? 'float32' : 'bfloat16',
    recompute: recompute === true,
  });
  if (given.json) return JSON.stringify(plan);
  const { memory, bytes, seconds } = plan;
  const { total, fits, ...parts } = memory;
  return [
    `${architecture.numParameters.toLocaleString('en')} weights on ${plan.devices} × ${given.kind} (${kind.source})`,
    '',
    'on each device:',
    ...table([
      ...Object.entries(parts).map(([name, of]) => [`  ${name}`, formatBytes(of)]),
      ['  together', `${formatBytes(total)}, of ${formatBytes(kind.memory)}${fits ? '' : ': does not fit'}`],
    ]),
    '',
    'in a step, on each device:',
    ...table([
      ['  FLOPs', exponential(plan.flops)],
      ...Object.entries(bytes)
        .filter(([, of]) => of > 0)
        .map(([axis, of]) => [`  sent along ${axis}`, formatBytes(of)]),
    ]),
    '',
    'time:',
    ...table([
      ['  computing', short(seconds.compute)],
      ['  sums of activations', short(seconds.tensor)],
      ['  waiting for other stages', short(seconds.bubble)],
      ['  gradients and weights, not hidden', short(seconds.exposed)],
      ['  a step', short(seconds.step)],
      ['  the whole training', formatTime(seconds.all)],
    ]),
    '',
    `${formatNumber(Math.round(plan.tokensPerSecond))} tokens/s; the model's own FLOPs are ${(100 * plan.modelUtilisation).toFixed(1)}% of what the devices have`,
  ].join('\n');
}

/** Steps on such devices may be milliseconds. */
const short = (seconds: number): string =>
  seconds > 0 && seconds < 1 ? `${formatNumber(Number((1000 * seconds).toPrecision(3)))} ms` : formatSeconds(seconds);

function cells(plan: MeshPlan): string[] {
  const { devices, memory, seconds, tokensPerSecond, modelUtilisation } = plan;
  return [
    devices.toLocaleString('en'),
    `${formatBytes(memory.total)}${memory.fits ? '' : ', too much'}`,
    short(seconds.step),
    formatNumber(Math.round(tokensPerSecond)),
    `${(100 * modelUtilisation).toFixed(1)}%`,
    formatTime(seconds.all),
  ];
}

function chosen<Value>(all: Readonly<Record<string, Value>>, option: string, name: string): Value {
  const value = Object.hasOwn(all, name) ? all[name] : undefined;
  if (value !== undefined) return value;
  throw new UsageError(`--${option} is one of ${Object.keys(all).join(', ')}, not '${name}'`);
}
