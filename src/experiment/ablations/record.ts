import { z } from 'zod';
import type { Json } from '../../files.js';

// runs/ablations/norms/2026-11-29-153002-a41c/ablation.json:
// {"format":1,"name":"norms","id":"2026-11-29-153002-a41c","experiment":"quickstart","file":"experiments/norm-ablation.ts",
//  "createdAt":"2026-11-29T15:30:02.113Z","code":"77b2…","numericClass":"libtensorflow 2.21.0 xla float32",
//  "measure":"bits per byte","better":"lower","design":{"kind":"grid"},"halving":null,
//  "axes":[{"path":"model.norm","values":["rms","layer"]}],"seeds":[1,2,3],"base":{"model":{"norm":"rms"}},
//  "baseline":"norm=rms","arms":[{"name":"norm=rms","settings":{"model.norm":"rms"}}, …]}
const json: z.ZodType<Json> = z.json();

const armSchema = z.object({
  /** The settings in short, unique in the ablation: `norm=rms, learningRate=0.001`. */
  name: z.string(),
  /** Config values by path, in place of the base's. */
  settings: z.record(z.string(), json),
});

const intervalSchema = z.object({
  from: z.number(),
  to: z.number(),
  scale: z.enum(['linear', 'log']),
  whole: z.boolean(),
});

/** What an ablation set out to do: written once, before its first run. */
export const ablationSpecSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  id: z.string(),
  experiment: z.string(),
  file: z.string().optional(),
  createdAt: z.string(),
  code: z.string(),
  numericClass: z.string(),
  /** What is measured, in words with its unit. */
  measure: z.string(),
  /** What is measured besides, and not compared for the verdict. */
  also: z.array(z.string()).default([]),
  better: z.enum(['lower', 'higher']),
  design: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('grid') }),
    /** Each axis alone is varied from the base. */
    z.object({ kind: z.literal('paired') }),
    z.object({ kind: z.literal('random'), arms: z.int(), seed: z.int() }),
  ]),
  /** Successive halving: after each rung only the best part of the arms goes on; null if all arms run to their end. */
  halving: z.object({ path: z.string(), rungs: z.array(z.number()), keep: z.number() }).nullable(),
  /** The stage after which runs end; all stages run where there is none. */
  to: z.string().optional(),
  /** `values` are those of the arms; `interval` is where a random search drew them from. */
  axes: z.array(z.object({ path: z.string(), values: z.array(json), interval: intervalSchema.optional() })),
  seeds: z.array(z.int()),
  /** The config that arms vary. */
  base: z.record(z.string(), json),
  /** The name of the arm that others are compared with. */
  baseline: z.string(),
  arms: z.array(armSchema),
});
export type AblationSpec = z.infer<typeof ablationSpecSchema>;
export type Arm = z.infer<typeof armSchema>;

// runs/ablations/norms/<id>/cells/3-2.json (arm 3 of the spec, seed 2):
// {"arm":"norm=layer","seed":2,"state":"done","run":"quickstart/2026-11-29-153101-77aa","value":2.44,"seconds":61.2}
/** One arm with one seed: a run of its own, or why there is no value. */
export const cellSchema = z.object({
  arm: z.string(),
  seed: z.int(),
  /** `stopped`: by successive halving, after the rung that `rung` counts from 0. */
  state: z.enum(['waiting', 'running', 'done', 'failed', 'stopped']),
  /** The run's folder below `runs/`. */
  run: z.string().optional(),
  value: z.number().optional(),
  /** What is measured besides, by name. */
  also: z.record(z.string(), z.number()).optional(),
  rung: z.int().optional(),
  /** The rungs of successive halving that are behind it, from the first; the last of all gives `value`. */
  rungs: z.array(z.object({ run: z.string(), value: z.number(), seconds: z.number() })).optional(),
  error: z.string().optional(),
  seconds: z.number().optional(),
});
export type Cell = z.infer<typeof cellSchema>;

/** All that an ablation's folder tells; one cell for each arm and seed, in the order of the spec. */
export interface AblationRecord {
  readonly folder: string;
  readonly spec: AblationSpec;
  readonly cells: readonly Cell[];
}
