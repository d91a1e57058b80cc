import { TrainbookError } from '../../error.js';
import type { Membership } from './membership.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Groups of jobs that run on one node at a time meet at different ports, in a range that systems give to nobody by themselves. */
const ports = { first: 15_000, count: 15_000 } as const;

/**
 * The hosts of one of Slurm's lists.
 *
 * @example
 * expandHosts('node[01-03,7],login');  // ['node01', 'node02', 'node03', 'node7', 'login']
 */
export function expandHosts(list: string): string[] {
  const items = list.match(/(?:[^,[\]]|\[[^[\]]*\])+/g) ?? [];
  if (items.length === 0 || items.join(',') !== list) throw malformed('a list of hosts', list, 'node[01-03,7],login');
  return items.flatMap(expand);
}

function expand(item: string): string[] {
  const [, before = '', inside, after = ''] = /^([^[]*)\[([^\]]*)\](.*)$/.exec(item) ?? [];
  if (inside === undefined) return [item];
  const numbers = inside.split(',').flatMap((range) => {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined || Number(last ?? first) < Number(first)) throw malformed('a range', range, '01-03');
    const count = Number(last ?? first) - Number(first) + 1;
    return Array.from({ length: count }, (_, step) => String(Number(first) + step).padStart(first.length, '0'));
  });
  const ends = expand(after);
  return numbers.flatMap((number) => ends.map((end) => `${before}${number}${end}`));
}

/**
 * Slurm's numbers of tasks on each node.
 *
 * @example
 * expandCounts('2(x3),1');  // [2, 2, 2, 1]
 */
export function expandCounts(text: string): number[] {
  return text.split(',').flatMap((item) => {
    const [, count, times = '1'] = /^(\d+)(?:\(x(\d+)\))?$/.exec(item) ?? [];
    if (count === undefined) throw malformed('a list of counts', text, '2(x3),1');
    return Array.from({ length: Number(times) }, () => Number(count));
  });
}

/**
 * The membership of a task that `srun` has started, or undefined elsewhere (a batch script, too, has variables of its job, but
 * is no task of it). Members meet at the step's first node; tasks are placed block by block, and each knows its own node.
 */
export function slurmMembership(environment: Environment = process.env): Membership | undefined {
  const { SLURM_STEP_NUM_TASKS, SLURM_PROCID, SLURM_JOB_ID, SLURM_STEP_ID = '0' } = environment;
  const list = environment['SLURM_STEP_NODELIST'] ?? environment['SLURM_JOB_NODELIST'] ?? environment['SLURM_NODELIST'];
  const size = Number(SLURM_STEP_NUM_TASKS);
  if (SLURM_STEP_NUM_TASKS === undefined || SLURM_PROCID === undefined || list === undefined) return undefined;
  const index = Number(SLURM_PROCID);
  if (!Number.isSafeInteger(size) || size < 1 || !Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw malformed('a task', `SLURM_PROCID ${SLURM_PROCID} of SLURM_STEP_NUM_TASKS ${SLURM_STEP_NUM_TASKS}`, '0 of 4');
  }
  const nodes = expandHosts(list);
  const perNode = environment['SLURM_STEP_TASKS_PER_NODE'];
  const counts = perNode === undefined ? nodes.map(() => Math.ceil(size / nodes.length)) : expandCounts(perNode);
  const placed = nodes.flatMap((node, place) => Array.from({ length: counts[place] ?? 0 }, () => node));
  const own = environment['SLURMD_NODENAME'];
  const [first = ''] = nodes;
  const hosts = Array.from({ length: size }, (_, task) =>
    task === 0 ? first : task === index && own !== undefined ? own : (placed[task] ?? first),
  );
  const job = Number(SLURM_JOB_ID ?? 0);
  const port = ports.first + ((job * 7 + Number(SLURM_STEP_ID)) % ports.count);
  return { hosts: [`${first}:${port}`, ...hosts.slice(1)], index, id: `slurm ${job}.${SLURM_STEP_ID}` };
}

function malformed(what: string, received: string, example: string): TrainbookError {
  return new TrainbookError({
    what: `group: Slurm's environment has ${what} that cannot be read`,
    received,
    expected: `one such as ${example}`,
  });
}
