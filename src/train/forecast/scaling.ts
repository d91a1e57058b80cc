import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';

/** Workers that are joined by a network, each as fast as the others. */
export interface Cluster {
  /** Floating-point operations a second that a worker reaches in a training step. */
  readonly flops: number;
  /** Bytes a second from one worker to the next, in one direction. */
  readonly bandwidth: number;
  /** Seconds until the first byte of a message arrives. */
  readonly latency: number;
  /** The part of the backward pass, 0 to 1, behind which the sum of gradients can be hidden. Our step adds them up after it: 0. */
  readonly overlap?: number;
}

/** A step of one worker. */
export interface WorkerStep {
  /** Floating-point operations of all rows of a step, on one worker, or what takes as long: see `stepWork`. */
  readonly flops: number;
  /** Bytes of all gradients: 4 a weight. */
  readonly gradientBytes: number;
  /** Tokens of a step, on one worker. */
  readonly tokens: number;
}

/** Whether each worker has the rows of a whole batch, so that batches grow; or batches stay, and their rows are shared. */
export type ScalingMode = 'weak' | 'strong';

/** What a number of workers does in a step. */
export interface ScalingRow {
  readonly workers: number;
  /** Seconds of a step: computing, and the part of the sum of gradients that is not hidden. */
  readonly stepSeconds: number;
  readonly computeSeconds: number;
  /** Of the sum of gradients, hidden or not. */
  readonly reduceSeconds: number;
  /** Bytes that a worker sends, and receives, for the sum. */
  readonly bytesMoved: number;
  readonly tokensPerSecond: number;
  /** Tokens a second of a worker, as a part of those of a worker that is alone. */
  readonly efficiency: number;
}

/** Bytes that each of n workers sends in a ring all-reduce: 2 (n − 1)/n × the bytes that are added up. */
export function ringBytes(workers: number, bytes: number): number {
  return (2 * (workers - 1) * bytes) / workers;
}

/**
 * Seconds of a ring all-reduce over n workers: 2 (n − 1)(latency + bytes/n/bandwidth): n − 1 rounds in which parts of bytes/n are
 * added up on their way round, and n − 1 in which the sums go round. Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms".
 *
 * @example
 * ringSeconds(2, 40e6, { bandwidth: 1e9, latency: 0 }); // 0.04
 */
export function ringSeconds(
  workers: number,
  bytes: number,
  { bandwidth, latency }: Pick<Cluster, 'bandwidth' | 'latency'>,
): number {
  return 2 * (workers - 1) * (latency + bytes / workers / bandwidth);
}

/** 1, 2, 4, … 1,024 workers. */
export const usualWorkers: readonly number[] = Array.from({ length: 11 }, (_, power) => 2 ** power);

/** The backward pass is two of the three products of a step. */
const backwardShare = 2 / 3;

/**
 * How fast a training gets with more workers: t(n) = compute + max(0, allReduce(n) − overlap × ⅔ compute), where compute is
 * FLOPs / rate, of the whole batch (weak scaling) or its n-th part (strong). Workers among which a batch cannot be shared are left out.
 *
 * @throws TrainbookError if a rate is not positive, or the overlap not a part.
 * @example
 * scaling({ flops: 3e15, gradientBytes: 5e8, tokens: 5e5 }, { flops: 1.2e14, bandwidth: 25e9, latency: 20e-6 });
 */
export function scaling(
  step: WorkerStep,
  cluster: Cluster,
  { mode = 'weak', workers = usualWorkers, rows = Infinity }: ScalingOptions = {},
): readonly ScalingRow[] {
  const { overlap = 0 } = cluster;
  checkCluster({ ...cluster, overlap });
  const possible = workers.filter((number) => mode === 'weak' || rows === Infinity || rows % number === 0);
  const alone = step.flops / cluster.flops;
  return possible.map((number) => {
    const share = mode === 'weak' ? 1 : 1 / number;
    const computeSeconds = alone * share;
    const reduceSeconds = ringSeconds(number, step.gradientBytes, cluster);
    const stepSeconds = computeSeconds + Math.max(0, reduceSeconds - overlap * backwardShare * computeSeconds);
    return {
      workers: number,
      stepSeconds,
      computeSeconds,
      reduceSeconds,
      bytesMoved: ringBytes(number, step.gradientBytes),
      tokensPerSecond: (step.tokens * share * number) / stepSeconds,
      efficiency: computeSeconds / stepSeconds,
    };
  });
}

/** Which rows are asked for. */
export interface ScalingOptions {
  /** Default: weak. */
  readonly mode?: ScalingMode;
  /** Default: 1, 2, 4, … 1,024. */
  readonly workers?: readonly number[];
  /** Rows of a batch, for strong scaling. */
  readonly rows?: number;
}

function checkCluster({ flops, bandwidth, latency, overlap = 0 }: Cluster): void {
  const wrong = Object.entries({ flops, bandwidth }).find(([, value]) => !(value > 0));
  const [name, value] = wrong ?? (latency >= 0 ? ['overlap', overlap] : ['latency', latency]);
  if (wrong === undefined && latency >= 0 && overlap >= 0 && overlap <= 1) return;
  throw new TrainbookError({
    what: `scaling: ${name} is out of range`,
    received: value,
    expected: name === 'overlap' ? '0 to 1' : 'a positive number',
  });
}

/**
 * Efficiency against the number of workers, on a logarithmic axis, and what an ideal cluster would reach.
 *
 * @example
 * await show(scalingFigure(scaling(step, cluster)));
 */
export function scalingFigure(rows: readonly ScalingRow[], source = 'the model of a ring all-reduce'): Figure {
  const workers = rows.map((row) => row.workers);
  return {
    title: 'Efficiency against workers',
    source,
    data: [
      {
        type: 'scatter',
        mode: 'lines+markers',
        name: 'predicted',
        x: workers,
        y: rows.map(({ efficiency }) => 100 * efficiency),
        line: { color: '#3f7fd6' },
      },
      {
        type: 'scatter',
        mode: 'lines',
        name: 'ideal',
        x: workers,
        y: workers.map(() => 100),
        line: { color: 'rgba(128,136,148,0.6)', dash: 'dot' },
      },
    ],
    layout: {
      height: 320,
      xaxis: {
        type: 'log',
        title: { text: 'workers' },
        tickvals: workers,
        ticktext: workers.map((number) => number.toLocaleString('en')),
      },
      yaxis: { title: { text: 'efficiency, %' }, rangemode: 'tozero' },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.15 },
    },
  };
}
