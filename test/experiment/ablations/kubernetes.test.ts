import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { jobSchema, kubernetesJob, writeKubernetesJob } from '../../../src/experiment/ablations/kubernetes.js';

const open = (name: string, halving: object | null = null): never =>
  ({
    folder: '',
    spec: { name, id: '2026-11-29-153002-a41c', halving, arms: [{ name: 'a' }, { name: 'b' }], seeds: [1, 2, 3] },
  }) as never;
const options = {
  command: ['npx', 'trainbook', 'ablate', 'norms.ts', '--cell'],
  project: '/work',
  cores: 2,
  memoryBytes: 2 ** 31,
  atOnce: 4,
  image: 'node:22',
  claim: 'runs',
};

test('the manifest is an Indexed Job with one index a cell', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-kubernetes-'));
  try {
    const path = await writeKubernetesJob({ ...(open('norms') as object), folder } as never, options);
    const job = jobSchema.parse(parse(await readFile(path, 'utf8')));
    expect(job.metadata.name).toBe('norms-a41c');
    expect(job.spec).toMatchObject({
      completionMode: 'Indexed',
      completions: 6,
      parallelism: 4,
      backoffLimitPerIndex: 2,
    });
    const [container] = job.spec.template.spec.containers;
    expect(container?.command.at(-1)).toBe('$(JOB_COMPLETION_INDEX)');
    expect(container?.resources.limits).toEqual({ cpu: '2', memory: '2048Mi' });
    expect(job.spec.template.spec.volumes[0]?.persistentVolumeClaim.claimName).toBe('runs');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('names of all scripts become names that Kubernetes takes', () => {
  for (const name of ['Norms and MLPs!', '范数', 'x'.repeat(90), '--', 'a.b_c']) {
    expect(kubernetesJob(open(name), options).metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/u);
  }
});

test('what Kubernetes would refuse is refused here', () => {
  const job = kubernetesJob(open('norms'), options);
  expect(jobSchema.safeParse({ ...job, spec: { ...job.spec, completion: 6 } }).success).toBe(false);
  expect(jobSchema.safeParse({ ...job, spec: { ...job.spec, maxFailedIndexes: 7 } }).success).toBe(false);
  expect(() => kubernetesJob(open('norms'), { ...options, image: '' })).toThrow(/Kubernetes would refuse this Job/u);
  expect(() => kubernetesJob(open('norms', {}), options)).toThrow(/successive halving/u);
});
