/**
 * A tracking server that answers as MLflow 3.17 does, for the requests that we make: the same shapes, limits and refusals. Equal
 * metrics are kept twice, as MLflow's file store keeps them: what is sent twice is seen.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { posix } from 'node:path';
import { z } from 'zod';

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
const invalid = (message: string): Refused => new Refused(400, 'INVALID_PARAMETER_VALUE', message);
const missing = (message: string): Refused => new Refused(404, 'RESOURCE_DOES_NOT_EXIST', message);

interface Metric {
  readonly key: string;
  readonly value: number | string;
  readonly timestamp: number;
  readonly step: number;
}
interface RemoteRun {
  readonly info: Record<string, string | number>;
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
  readonly metrics: Metric[];
  readonly inputs: object[];
}

const pairs = z.array(z.object({ key: z.string(), value: z.string() })).default([]);
const metricSchema = z.object({
  key: z.string(),
  value: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]),
  timestamp: z.int(),
  step: z.int(),
});
const datasetSchema = z.strictObject({
  name: z.string().max(500),
  digest: z.string().max(36),
  source_type: z.string(),
  source: z.string().max(65_535),
  schema: z.string().optional(),
  profile: z.string().optional(),
});

function checkName(name: string): void {
  const norm = posix.normalize(name);
  const isPath = norm === name && norm !== '.' && !norm.startsWith('..') && !norm.startsWith('/');
  if (!/^[/\p{L}\p{M}\p{N}_.\- :]*$/u.test(name) || !isPath || name.length > 250) throw invalid(`name ${name}`);
}

export class FakeMlflow {
  readonly runs = new Map<string, RemoteRun>();
  readonly files = new Map<string, string>();
  /** A password that is asked for. */
  authorization: string | undefined;
  version = '3.17.2';
  readonly #experiments = new Map<string, string>();
  readonly #models = new Map<string, { version: string; run_id: string; source: string; tags: object[] }[]>();
  #uri = '';
  #close: () => Promise<void> = () => Promise.resolve();

  static async start(): Promise<FakeMlflow> {
    const fake = new FakeMlflow();
    const http = createServer((request, response) => void fake.#answer(request, response));
    await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
    fake.#uri = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    fake.#close = async () => {
      http.closeAllConnections();
      await new Promise((done) => http.close(done));
    };
    return fake;
  }

  get uri(): string {
    return this.#uri;
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    try {
      const url = new URL(request.url ?? '/', this.#uri);
      if (this.authorization !== undefined && request.headers.authorization !== this.authorization) {
        throw new Refused(401, 'UNAUTHENTICATED', 'You are not authenticated.');
      }
      if (url.pathname === '/version') {
        response.writeHead(200, { 'content-type': 'text/html' }).end(this.version);
        return;
      }
      const artifacts = '/api/2.0/mlflow-artifacts/artifacts/';
      if (url.pathname.startsWith(artifacts)) {
        this.files.set(decodeURIComponent(url.pathname.slice(artifacts.length)), body);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
        return;
      }
      const path = url.pathname.replace('/api/2.0/mlflow/', '');
      if (path === 'runs/log-batch' && body.length > 1e6) throw invalid('at most 1000000 bytes');
      const given = request.method === 'POST' ? (JSON.parse(body) as unknown) : Object.fromEntries(url.searchParams);
      const method = this.#methods[`${request.method ?? ''} ${path}`];
      if (method === undefined) {
        response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not Found</h1>');
        return;
      }
      const answer = JSON.stringify(method(given));
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    } catch (error) {
      const refused = error instanceof Refused ? error : invalid(String(error));
      const answer = { error_code: refused.code, message: refused.message };
      response.writeHead(refused.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }
  }

  #run(id: string): RemoteRun {
    const run = this.runs.get(id);
    if (run === undefined) throw missing(`Run with id=${id} not found`);
    return run;
  }

  #activeRun(id: string): RemoteRun {
    const run = this.#run(id);
    if (run.info['lifecycle_stage'] !== 'active') throw new Refused(400, 'INVALID_STATE', `run ${id} is deleted`);
    return run;
  }

  readonly #methods: Readonly<Record<string, (given: unknown) => object>> = {
    'GET experiments/get-by-name': (given) => {
      const { experiment_name: name } = z.object({ experiment_name: z.string() }).parse(given);
      const id = this.#experiments.get(name);
      if (id === undefined) throw missing(`Could not find experiment with name '${name}'`);
      return { experiment: { experiment_id: id, name, lifecycle_stage: 'active' } };
    },
    'POST experiments/create': (given) => {
      const { name } = z.object({ name: z.string() }).parse(given);
      if (this.#experiments.has(name)) throw new Refused(400, 'RESOURCE_ALREADY_EXISTS', name);
      const id = String(this.#experiments.size + 1);
      this.#experiments.set(name, id);
      return { experiment_id: id };
    },
    'POST runs/create': (given) => {
      const schema = z.object({ experiment_id: z.string(), run_name: z.string(), start_time: z.int(), tags: pairs });
      const { experiment_id, run_name, start_time, tags } = schema.parse(given);
      const run_id = randomBytes(16).toString('hex');
      const artifact_uri = `mlflow-artifacts:/${experiment_id}/${run_id}/artifacts`;
      const info = { run_id, run_name, experiment_id, start_time, artifact_uri };
      const run: RemoteRun = {
        info: { ...info, status: 'RUNNING', lifecycle_stage: 'active' },
        params: new Map(),
        tags: new Map([['mlflow.runName', run_name], ...tags.map(({ key, value }) => [key, value] as const)]),
        metrics: [],
        inputs: [],
      };
      this.runs.set(run_id, run);
      return { run: this.#shown(run) };
    },
    'GET runs/get': (given) => ({ run: this.#shown(this.#run(z.object({ run_id: z.string() }).parse(given).run_id)) }),
    'POST runs/delete': (given) => {
      this.#run(z.object({ run_id: z.string() }).parse(given).run_id).info['lifecycle_stage'] = 'deleted';
      return {};
    },
    'POST runs/search': (given) => {
      const { experiment_ids, filter = '' } = z
        .object({ experiment_ids: z.array(z.string()), filter: z.string().optional() })
        .parse(given);
      const [, tag = '', value] = /^tags\.`([^`]+)` = '([^']*)'$/u.exec(filter) ?? [];
      if (filter !== '' && value === undefined) throw invalid(`filter ${filter}`);
      const runs = [...this.runs.values()].filter(
        ({ info, tags }) =>
          experiment_ids.includes(String(info['experiment_id'])) && (filter === '' || tags.get(tag) === value),
      );
      return { runs: runs.map((run) => this.#shown(run)) };
    },
    'POST runs/update': (given) => {
      const schema = z.object({
        run_id: z.string(),
        status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
        end_time: z.int().optional(),
      });
      const { run_id, status, end_time } = schema.parse(given);
      const { info } = this.#activeRun(run_id);
      info['status'] = status;
      if (end_time !== undefined) info['end_time'] = end_time;
      return {};
    },
    'POST runs/log-batch': (given) => {
      const schema = z.object({
        run_id: z.string(),
        metrics: z.array(metricSchema).max(1000).default([]),
        params: pairs.pipe(z.array(z.object({ key: z.string(), value: z.string().max(6000) })).max(100)),
        tags: pairs.pipe(z.array(z.object({ key: z.string().max(250), value: z.string().max(8000) })).max(100)),
      });
      const { run_id, metrics, params, tags } = schema.parse(given);
      const run = this.#activeRun(run_id);
      for (const { key } of [...metrics, ...params]) checkName(key);
      for (const { key, value } of params) {
        if ((run.params.get(key) ?? value) !== value) throw invalid(`Changing param values is not allowed: ${key}`);
        run.params.set(key, value);
      }
      run.metrics.push(...metrics);
      for (const { key, value } of tags) run.tags.set(key, value);
      return {};
    },
    'GET metrics/get-history': (given) => {
      const schema = z.object({
        run_id: z.string(),
        metric_key: z.string(),
        max_results: z.coerce.number().max(25_000),
        page_token: z.coerce.number().default(0),
      });
      const { run_id, metric_key, max_results, page_token } = schema.parse(given);
      const all = this.#run(run_id)
        .metrics.filter(({ key }) => key === metric_key)
        .sort((a, b) => a.timestamp - b.timestamp || a.step - b.step);
      const end = page_token + Math.min(max_results, this.pageSize);
      return { metrics: all.slice(page_token, end), ...(end < all.length ? { next_page_token: String(end) } : {}) };
    },
    'POST runs/log-inputs': (given) => {
      const schema = z.object({
        run_id: z.string(),
        datasets: z.array(z.object({ tags: pairs, dataset: datasetSchema })),
      });
      const { run_id, datasets } = schema.parse(given);
      const { inputs } = this.#activeRun(run_id);
      for (const input of datasets) {
        if (!inputs.some((each) => JSON.stringify(each) === JSON.stringify(input))) inputs.push(input);
      }
      return {};
    },
    'GET artifacts/list': (given) => {
      const { run_id, path = '' } = z.object({ run_id: z.string(), path: z.string().optional() }).parse(given);
      const root = `${String(this.#run(run_id).info['artifact_uri']).replace('mlflow-artifacts:/', '')}/`;
      const names = [...this.files.keys()].flatMap((file) => (file.startsWith(root) ? [file.slice(root.length)] : []));
      const below = names.filter((name) => path === '' || name.startsWith(`${path}/`));
      const first = new Set(
        below.map((name) =>
          name
            .split('/')
            .slice(0, path === '' ? 1 : path.split('/').length + 1)
            .join('/'),
        ),
      );
      return { files: [...first].sort().map((name) => ({ path: name, is_dir: !names.includes(name) })) };
    },
    'POST registered-models/create': (given) => {
      const { name } = z.object({ name: z.string() }).parse(given);
      if (this.#models.has(name)) throw new Refused(400, 'RESOURCE_ALREADY_EXISTS', name);
      this.#models.set(name, []);
      return { registered_model: { name } };
    },
    'GET model-versions/search': (given) => {
      const { filter } = z.object({ filter: z.string() }).parse(given);
      const [, name = '', id] = /^name = '(.*)' AND run_id = '(.*)'$/u.exec(filter) ?? [];
      const versions = this.#models.get(name) ?? [];
      return { model_versions: versions.filter(({ run_id }) => run_id === id).map((each) => ({ name, ...each })) };
    },
    'POST model-versions/create': (given) => {
      const schema = z.object({ name: z.string(), source: z.string(), run_id: z.string(), tags: pairs });
      const { name, source, run_id, tags } = schema.parse(given);
      const versions = this.#models.get(name);
      if (versions === undefined) throw missing(`Registered Model with name=${name} not found`);
      if (!source.startsWith(String(this.#run(run_id).info['artifact_uri']))) throw invalid(`source ${source}`);
      versions.push({ version: String(versions.length + 1), run_id, source, tags });
      return { model_version: { name, version: String(versions.length), run_id, source, tags } };
    },
  };

  /** Metrics in one answer, at the most. */
  pageSize = 25_000;

  #shown({ info, params, tags, metrics, inputs }: RemoteRun): object {
    const list = (map: ReadonlyMap<string, string>): object[] => [...map].map(([key, value]) => ({ key, value }));
    const latest = new Map<string, Metric>();
    for (const metric of metrics) {
      const before = latest.get(metric.key);
      const isEarlier =
        before !== undefined &&
        (metric.step < before.step || (metric.step === before.step && metric.timestamp < before.timestamp));
      if (!isEarlier) latest.set(metric.key, metric);
    }
    const data = { params: list(params), tags: list(tags), metrics: [...latest.values()] };
    return { info, data, inputs: { dataset_inputs: inputs } };
  }
}
