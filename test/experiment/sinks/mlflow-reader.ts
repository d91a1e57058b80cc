import { z } from 'zod';

const pairs = z.array(z.object({ key: z.string(), value: z.string().default('') })).default([]);
const runSchema = z.object({
  info: z.looseObject({
    run_id: z.string(),
    run_name: z.string(),
    experiment_id: z.string(),
    status: z.string(),
    start_time: z.number(),
    end_time: z.number().optional(),
    lifecycle_stage: z.string(),
  }),
  data: z.looseObject({ params: pairs, tags: pairs }),
  inputs: z
    .looseObject({ dataset_inputs: z.array(z.looseObject({ dataset: z.looseObject({}), tags: pairs })).default([]) })
    .optional(),
});

export interface SeenRun {
  readonly id: string;
  readonly info: z.infer<typeof runSchema>['info'];
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly datasets: readonly Readonly<Record<string, unknown>>[];
}

/** What a server has, asked over the same REST API by plain requests of the test's own. */
export class MlflowReader {
  constructor(readonly uri: string) {}

  async #ask(path: string, body?: object): Promise<unknown> {
    const init =
      body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${this.uri}/api/2.0/mlflow/${path}`, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** The runs of an experiment that are not deleted, by their names. */
  async runs(experiment: string): Promise<SeenRun[]> {
    const found = await this.#ask(`experiments/get-by-name?${new URLSearchParams({ experiment_name: experiment })}`);
    const id = z.object({ experiment: z.object({ experiment_id: z.string() }) }).parse(found).experiment.experiment_id;
    const { runs } = z
      .object({ runs: z.array(runSchema).default([]) })
      .parse(await this.#ask('runs/search', { experiment_ids: [id], max_results: 1000 }));
    return runs
      .filter(({ info }) => info.lifecycle_stage === 'active')
      .map(({ info, data, inputs }) => ({
        id: info.run_id,
        info,
        params: Object.fromEntries(data.params.map(({ key, value }) => [key, value])),
        tags: Object.fromEntries(data.tags.map(({ key, value }) => [key, value])),
        datasets: (inputs?.dataset_inputs ?? []).map(({ dataset }) => dataset),
      }))
      .sort((a, b) => (a.info.run_name < b.info.run_name ? -1 : 1));
  }

  /** `[step, value]` of each point, in the order of time. */
  async history(run: string, key: string): Promise<[number, number][]> {
    const query = new URLSearchParams({ run_id: run, metric_key: key, max_results: '25000' });
    const point = z.object({
      step: z.coerce.number().default(0),
      value: z.union([z.number(), z.string()]).default(0),
      timestamp: z.coerce.number(),
    });
    const answer = z.object({ metrics: z.array(point).default([]) });
    const { metrics } = answer.parse(await this.#ask(`metrics/get-history?${query}`));
    return metrics.map(({ step, value }) => [step, Number(value)]);
  }

  async files(run: string, path?: string): Promise<string[]> {
    const query = new URLSearchParams({ run_id: run, ...(path === undefined ? {} : { path }) });
    const answer = z.object({ files: z.array(z.object({ path: z.string() })).default([]) });
    return answer
      .parse(await this.#ask(`artifacts/list?${query}`))
      .files.map((file) => file.path)
      .sort();
  }

  async versions(name: string, run: string): Promise<Readonly<Record<string, unknown>>[]> {
    const query = new URLSearchParams({ filter: `name = '${name}' AND run_id = '${run}'`, max_results: '100' });
    const answer = z.object({ model_versions: z.array(z.looseObject({})).default([]) });
    return answer.parse(await this.#ask(`model-versions/search?${query}`)).model_versions;
  }
}
