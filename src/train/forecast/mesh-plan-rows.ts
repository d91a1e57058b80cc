import { decoder } from '../../model/decoder.js';
import type { Decoder } from '../../model/decoder.js';
import type { DecoderOptions } from '../../model/decoder-options.js';
import { planMesh } from './mesh-plan.js';
import type { MeshPlan, MeshPlanOptions } from './mesh-plan.js';

/** A model of a usual size, and how it is shared out. */
export interface MeshPlanRow {
  readonly name: string;
  readonly numParameters: number;
  readonly mesh: Omit<MeshPlanOptions, 'kind' | 'network'>;
  readonly plan: MeshPlan;
}

const llama = (sizes: Partial<DecoderOptions> & Pick<DecoderOptions, 'layers' | 'width' | 'heads'>): Decoder =>
  decoder({ context: 4096, vocabularySize: 65_536, tiedEmbeddings: false, ...sizes });

/** Batches of four million tokens; sizes as in usual models of so many weights. */
const usual: readonly { readonly name: string; readonly model: () => Decoder; readonly mesh: MeshPlanRow['mesh'] }[] = [
  {
    name: 'decoder, 1B',
    model: () => llama({ layers: 20, width: 1920, heads: 15 }),
    mesh: { data: 8, zero: 1, batchSize: 1024, microBatches: 64 },
  },
  {
    name: 'decoder, 6B',
    model: () => llama({ layers: 32, width: 3840, heads: 30 }),
    mesh: { fsdp: 8, batchSize: 1024, microBatches: 128, recompute: true },
  },
  {
    name: 'decoder, 13B',
    model: () => llama({ layers: 40, width: 5120, heads: 40 }),
    mesh: { data: 8, fsdp: 8, batchSize: 1024, microBatches: 16, recompute: true },
  },
  {
    name: 'decoder, 100B',
    model: () => llama({ layers: 96, width: 10_240, heads: 80, keyValueHeads: 8 }),
    mesh: {
      data: 8,
      tensor: 8,
      pipeline: 8,
      zero: 1,
      sequence: true,
      batchSize: 1024,
      microBatches: 128,
      recompute: true,
    },
  },
  {
    name: 'mixture, 1.8T, 20% active',
    model: () => {
      const experts = { number: 16, active: 3, hidden: 30_720 };
      return llama({ layers: 96, width: 12_288, heads: 96, keyValueHeads: 8, hidden: 30_720, experts });
    },
    mesh: {
      data: 2,
      fsdp: 8,
      tensor: 8,
      pipeline: 16,
      zero: 1,
      sequence: true,
      batchSize: 1024,
      microBatches: 64,
      recompute: true,
    },
  },
];

/**
 * Models from 1B weights to a mixture of 1.8T, each on a mesh on which it can be trained, in bfloat16.
 *
 * @param cluster What computes, and what joins machines.
 * @example
 * meshPlanRows({ kind: deviceKinds.H100 })[0]?.plan.seconds.step;
 */
export function meshPlanRows(
  cluster: Pick<MeshPlanOptions, 'kind' | 'network' | 'utilisation' | 'overlap'>,
): MeshPlanRow[] {
  return usual.map(({ name, model, mesh }) => {
    const architecture = model();
    const plan = planMesh(architecture, { ...cluster, ...mesh, precision: 'bfloat16' });
    return { name, numParameters: architecture.numParameters, mesh, plan };
  });
}
