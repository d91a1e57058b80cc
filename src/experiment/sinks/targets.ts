import { resolve } from 'node:path';
import { z } from 'zod';
import { mlflowServer } from './mlflow/client.js';
import { mlflowSink } from './mlflow/sink.js';
import type { Sink } from './sink.js';
import { tensorboardSink } from './tensorboard/sink.js';

/** A sink as a plain value, which another process can be told. */
export const targetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('mlflow'),
    /** `http://127.0.0.1:5000`. */
    uri: z.string(),
    /** The experiment's name on the server; that of the run if not given. */
    experiment: z.string().optional(),
    weights: z.boolean().optional(),
    register: z.strictObject({ name: z.string(), stage: z.string().optional() }).optional(),
    /** Milliseconds until a request counts as not answered; 30,000 if not given. */
    patience: z.number().optional(),
  }),
  z.strictObject({
    kind: z.literal('tensorboard'),
    /** TensorBoard's `--logdir`; where it is the folder of all runs, each run keeps its events itself. */
    folder: z.string(),
  }),
]);
export type SinkTarget = z.infer<typeof targetSchema>;

/** @throws TrainbookError for an address that is none */
export function sinkOf(target: SinkTarget, environment: Readonly<Record<string, string | undefined>>): Sink {
  if (target.kind === 'tensorboard') return tensorboardSink(resolve(target.folder));
  const { experiment, weights, register, patience } = target;
  return mlflowSink(mlflowServer(target.uri, environment), {
    ...(experiment === undefined ? {} : { experiment }),
    ...(weights === undefined ? {} : { weights }),
    ...(register === undefined
      ? {}
      : { register: { name: register.name, ...(register.stage === undefined ? {} : { stage: register.stage }) } }),
    ...(patience === undefined ? {} : { patience }),
  });
}
