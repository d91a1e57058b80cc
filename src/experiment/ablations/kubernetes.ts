import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { hash, writeAtomic } from '../../files.js';
import { placesOf } from './cells.js';
import type { OpenAblation } from './open-ablation.js';
import type { TaskOptions } from './slurm.js';

// The fields of a Job (batch/v1) that are used here, as the API reference of Kubernetes 1.33 has them; a field that it does not have is
// refused, as the server's strict validation does.
const label = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/u); // RFC 1123
const quantity = z.string().regex(/^\d+(\.\d+)?(m|[EPTGMk]i?|Ki)?$/u);
const resources = z.strictObject({ cpu: quantity, memory: quantity.optional() });
export const jobSchema = z.strictObject({
  apiVersion: z.literal('batch/v1'),
  kind: z.literal('Job'),
  metadata: z.strictObject({ name: label, labels: z.record(z.string(), label) }),
  spec: z
    .strictObject({
      completionMode: z.literal('Indexed'),
      completions: z.int().positive(),
      parallelism: z.int().positive(),
      backoffLimitPerIndex: z.int().nonnegative(),
      /** Needed beside it, and at most as many as there are indexes. */
      maxFailedIndexes: z.int().nonnegative(),
      template: z.strictObject({
        metadata: z.strictObject({ labels: z.record(z.string(), label) }),
        spec: z.strictObject({
          restartPolicy: z.literal('Never'), // what backoffLimitPerIndex asks for
          terminationGracePeriodSeconds: z.int().nonnegative(),
          containers: z
            .array(
              z.strictObject({
                name: label,
                image: z.string().min(1),
                workingDir: z.string().startsWith('/'),
                command: z.array(z.string()).min(1),
                env: z.array(
                  z.strictObject({ name: z.string().regex(/^[-._a-zA-Z][-._a-zA-Z0-9]*$/u), value: z.string() }),
                ),
                resources: z.strictObject({ requests: resources, limits: resources }),
                volumeMounts: z.array(z.strictObject({ name: label, mountPath: z.string().startsWith('/') })),
              }),
            )
            .length(1),
          volumes: z.array(
            z.strictObject({ name: label, persistentVolumeClaim: z.strictObject({ claimName: z.string().min(1) }) }),
          ),
        }),
      }),
    })
    .refine(({ maxFailedIndexes, completions }) => maxFailedIndexes <= completions, {
      path: ['maxFailedIndexes'],
      message: 'is more than there are indexes',
    }),
});
export type Job = z.infer<typeof jobSchema>;

export interface KubernetesOptions extends TaskOptions {
  /** The container's image: Node, the project's packages and trainbook's `.venv` are in it or in the claim. */
  readonly image: string;
  /** The volume claim that holds the project with its `runs/`, mounted where the project lies here. */
  readonly claim: string;
}

/** A name that Kubernetes takes: small letters, digits, dashes; a hash where nothing of the name is left. */
function jobName({ name, id }: OpenAblation['spec']): string {
  const letters = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .replaceAll(/^-+|-+$/gu, '');
  return `${(letters === '' ? hash(name) : letters).slice(0, 40).replace(/-+$/u, '')}-${id.slice(-4)}`;
}

/** An Indexed Job: index i runs cell i. Cells that are done end at once. */
export function kubernetesJob(
  { spec }: Pick<OpenAblation, 'spec'>,
  { command, project, cores, memoryBytes, atOnce, image, claim }: KubernetesOptions,
): Job {
  if (spec.halving !== null) {
    throw new TrainbookError({
      what: 'ablate: successive halving decides after each rung which cells go on; an Indexed Job cannot',
      received: '--backend kubernetes',
      fix: 'use --backend slurm or --workers, or leave halving out',
    });
  }
  const numCells = placesOf(spec).length;
  const limits = {
    cpu: String(cores),
    ...(memoryBytes === undefined ? {} : { memory: `${Math.ceil(memoryBytes / 2 ** 20)}Mi` }),
  };
  const labels = { app: 'trainbook', ablation: jobName(spec) };
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: jobName(spec), labels },
    spec: {
      completionMode: 'Indexed',
      completions: numCells,
      parallelism: Math.min(numCells, atOnce ?? numCells),
      backoffLimitPerIndex: 2,
      maxFailedIndexes: numCells,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 60,
          containers: [
            {
              name: 'cell',
              image,
              workingDir: project,
              // Kubernetes itself puts the index in place of $(JOB_COMPLETION_INDEX): no shell is needed.
              command: [...command, '$(JOB_COMPLETION_INDEX)'],
              env: [{ name: 'TRAINBOOK_THREADS', value: String(cores) }],
              resources: { requests: limits, limits },
              volumeMounts: [{ name: 'project', mountPath: project }],
            },
          ],
          volumes: [{ name: 'project', persistentVolumeClaim: { claimName: claim } }],
        },
      },
    },
  };
  const parsed = jobSchema.safeParse(job);
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `ablate: Kubernetes would refuse this Job: ${z.prettifyError(parsed.error)}`,
    fix: 'correct --image, --claim, --cores-per-worker or --memory-per-worker',
  });
}

/** Writes the manifest into the ablation's folder; gives its path. */
export async function writeKubernetesJob(open: OpenAblation, options: KubernetesOptions): Promise<string> {
  const { stringify } = await import('yaml');
  const path = join(open.folder, 'kubernetes', 'job.yaml');
  await writeAtomic(path, stringify(kubernetesJob(open, options)));
  return path;
}
