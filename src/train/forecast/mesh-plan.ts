import type { GridChoices, GridSizes } from '../../engine/mesh/grid.js';
import { mesh } from '../../engine/mesh/mesh.js';
import { TrainbookError } from '../../error.js';
import { keptActivations } from '../../model/kept-activations.js';
import { bubble } from '../pipeline/schedule.js';
import type { DeviceKind, Link } from './device-kinds.js';
import { networks } from './device-kinds.js';
import { meshMemory } from './mesh-memory.js';
import { ringSeconds } from './scaling.js';
import { stepFlops } from './step-flops.js';
import type { Planned } from './step-flops.js';

/** What is planned on which devices. */
export interface MeshPlanOptions extends GridSizes, GridChoices {
  readonly kind: DeviceKind;
  /** Between machines. Default: InfiniBand, 400 Gb/s a device. */
  readonly network?: Link;
  /** Stages, each a mesh of its own. Default: 1. */
  readonly pipeline?: number;
  /** Pieces of the batch, with a pipeline or to save memory. Default: 1; with a pipeline four for each stage. */
  readonly microBatches?: number;
  /** Rows of a step, on all devices. */
  readonly batchSize: number;
  /** Tokens of a row. Default: the model's context. */
  readonly length?: number;
  readonly precision?: 'float32' | 'bfloat16';
  readonly recompute?: boolean;
  /** The part of the device's FLOPs a second that products of a step reach. Default: 0.45; published runs reach 0.35 to 0.6. */
  readonly utilisation?: number;
  /** The part of the backward pass behind which gradients and weights are sent. Default: 0.8. */
  readonly overlap?: number;
  /** Of the whole training. Default: 20 a weight that a token meets, Hoffmann 2022 (2203.15556). */
  readonly tokens?: number;
}

/** What a training takes on a mesh. Bytes and FLOPs are those of one device. */
export interface MeshPlan {
  readonly devices: number;
  readonly memory: {
    readonly weights: number;
    readonly gradients: number;
    readonly optimizer: number;
    readonly activations: number;
    readonly logits: number;
    readonly total: number;
    readonly fits: boolean;
  };
  /** Of a step. */
  readonly flops: number;
  /** Sent in a step. */
  readonly bytes: { readonly data: number; readonly fsdp: number; readonly tensor: number; readonly pipeline: number };
  readonly seconds: {
    readonly compute: number;
    /** Sums of activations, which nothing hides. */
    readonly tensor: number;
    /** Gradients and weights, without what the backward pass hides. */
    readonly exposed: number;
    /** In which a stage waits for the others. */
    readonly bubble: number;
    readonly step: number;
    /** Of the whole training. */
    readonly all: number;
  };
  readonly tokensPerSecond: number;
  /** FLOPs of the model a second, without those computed again, as a part of what the devices have. */
  readonly modelUtilisation: number;
}

/*
 * For P weights on a mesh of D × F × T devices (data, fsdp, tensor) in S stages, with B rows of length n in M micro-batches, L layers of width W:
 *
 *   weights, gradients, optimizer   meshMemory / S: float32, cut by the shardings and ZeRO; gradients twice where they are added up over micro-batches
 *   activations                     of min(S, M) micro-batches: what blocks keep, cut over T but for the residual stream; with recomputation the inputs of blocks
 *   compute                         FLOPs / (D F T S) / (utilisation × peak)
 *   tensor                          4 sums a layer of [B n / (D F), W] in float32, over T: 2 (T − 1) / T of them each
 *   fsdp                            weights gathered once (with recomputation twice) and gradients scattered once: (F − 1) / F of 4 P / (T S) each
 *   data                            a sum of gradients: 2 (D − 1) / D of 4 P / (F T S)
 *   pipeline                        [B n / (D F), W] forward and backward, at each border
 *   step                            (compute + tensor) / (1 − (S − 1) / (M + S − 1)) + what the backward pass, ⅔ of compute, does not hide of fsdp and data
 *
 * Devices of one machine are neighbours along `tensor`, then `fsdp`, then `data`; an axis that reaches beyond goes over the network.
 */

/**
 * Memory, floating-point operations, bytes moved and time of a training on a mesh of devices, by the formulas above, before anything runs.
 *
 * @throws TrainbookError if rows do not part evenly.
 * @example
 * planMesh(gpt2('small'), { kind: deviceKinds.H100, data: 8, batchSize: 512, precision: 'bfloat16' }).seconds.step;
 */
export function planMesh(architecture: Planned, options: MeshPlanOptions): MeshPlan {
  const { config } = architecture;
  const { data = 1, fsdp = 1, tensor = 1, pipeline: stages = 1, kind, network = networks['InfiniBand 400'] } = options;
  const { batchSize, length = config.context, precision = 'float32', recompute = false, sequence = false } = options;
  const { microBatches = stages === 1 ? 1 : 4 * stages, utilisation = 0.45, overlap = 0.8 } = options;
  const replicas = data * fsdp;
  const perMesh = replicas * tensor;
  const rows = batchSize / replicas / microBatches; // of a micro-batch, on one device
  if (!Number.isInteger(rows) || rows < 1) throw unevenRows(batchSize, replicas, microBatches);
  const tokens = batchSize * length;
  const ofReplica = tokens / replicas;

  const state = meshMemory(architecture.specs, mesh(options));
  const perStage = (bytes: number): number => bytes / stages;
  const bytesOfProducts = precision === 'bfloat16' ? 2 : 4;
  const [block = { values: 0, factors: 0 }] = keptActivations(config, length);
  const stream = (4 + bytesOfProducts) * 2 * config.width; // both sums of the residual stream, and what the norms make of them
  const kept = 4 * block.values + bytesOfProducts * block.factors;
  const cut = sequence ? tensor : 1;
  const ofBlock = recompute ? (4 * config.width) / cut : stream / cut + (kept - stream) / tensor;
  const inFlight = Math.min(stages, microBatches);
  const tokensAtOnce = rows * length;
  const activations =
    tokensAtOnce *
    (inFlight * (config.layers / stages) * ofBlock + (recompute ? stream / cut + (kept - stream) / tensor : 0));
  const logits = (2 * 4 * tokensAtOnce * (architecture.kind === 'decoder' ? config.vocabularySize : 0)) / tensor;
  const memory = {
    weights: perStage(state.weights),
    gradients: perStage(state.gradients) * (microBatches > 1 ? 2 : 1), // their sum, and those of a micro-batch
    optimizer: perStage(state.optimizer),
    activations,
    logits,
  };
  const total = Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);

  const devices = perMesh * stages;
  const flops = stepFlops(architecture, { batchSize, length, recompute }) / devices;
  const ofModel = stepFlops(architecture, { batchSize, length }) / devices;
  const compute = flops / (utilisation * kind.flops[precision]);
  const link = (size: number): Link => (size <= kind.machine.devices ? kind.machine.link : network);
  const sum = 4 * ofReplica * config.width; // bytes of one sum of activations
  const numSums = (4 * config.layers) / stages;
  const tensorSeconds =
    tensor === 1 ? 0 : numSums * ringSeconds(tensor, sum / microBatches, link(tensor)) * microBatches;
  const ofWeights = state.weights * fsdp; // what is gathered: a device's part along `tensor`
  const passes = recompute ? 3 : 2;
  const fsdpBytes = (perStage(ofWeights) * passes * (fsdp - 1)) / fsdp;
  const fsdpSeconds = fsdp === 1 ? 0 : (passes / 2) * ringSeconds(fsdp, perStage(ofWeights), link(tensor * fsdp));
  const dataSeconds = data === 1 ? 0 : ringSeconds(data, perStage(state.weights), link(perMesh));
  const hidden = overlap * (2 / 3) * compute;
  const exposed = Math.max(0, fsdpSeconds + dataSeconds - hidden);
  const busy = compute + tensorSeconds;
  const waiting = busy / (1 - bubble(stages, microBatches)) - busy;
  const step = busy + waiting + exposed;
  const numSteps = (options.tokens ?? 20 * activeWeights(architecture)) / tokens;
  return {
    devices,
    memory: { ...memory, total, fits: total <= kind.memory },
    flops,
    bytes: {
      data: (perStage(state.weights) * 2 * (data - 1)) / data,
      fsdp: fsdpBytes,
      tensor: (numSums * sum * 2 * (tensor - 1)) / tensor,
      pipeline: stages === 1 ? 0 : (2 * 4 * ofReplica * config.width) / cut,
    },
    seconds: { compute, tensor: tensorSeconds, exposed, bubble: waiting, step, all: step * numSteps },
    tokensPerSecond: tokens / step,
    modelUtilisation: ofModel / (step * kind.flops[precision]),
  };
}

const activeWeights = (architecture: Planned): number =>
  architecture.kind === 'decoder' ? architecture.numActiveParameters : architecture.numParameters;

function unevenRows(batchSize: number, replicas: number, microBatches: number): TrainbookError {
  return new TrainbookError({
    what: 'planMesh: the rows of a step do not part evenly',
    received: `${batchSize} rows in ${microBatches} micro-batches on ${replicas} parts of the batch`,
    expected: `a multiple of ${replicas * microBatches}`,
  });
}
