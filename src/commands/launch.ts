import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import { localGroup, threadsOfEach } from '../engine/collectives/local-group.js';
import { type Membership, meeting, parseHost } from '../engine/collectives/membership.js';
import { slurmMembership } from '../engine/collectives/slurm.js';
import { TrainbookError } from '../error.js';
import { numNeighbours, type Outcome, runMembers } from './members.js';
import { integerOption, UsageError } from './usage.js';

export const launch = defineCommand({
  meta: {
    name: 'launch',
    description: 'Run an experiment or a script in several processes that train together; words after -- are for it',
  },
  args: {
    script: {
      type: 'positional',
      required: true,
      description: 'An experiment whose stages take `group`, or a script that calls joinGroup()',
    },
    processes: { type: 'string', valueHint: 'number', description: 'Start so many processes on this machine' },
    hosts: { type: 'string', valueHint: 'a:port,b', description: 'Be one of a group on several machines: all of them' },
    index: { type: 'string', valueHint: 'number', description: 'Which of the hosts this is, from 0' },
    timeout: { type: 'string', valueHint: 'seconds', description: 'A member silent for so long is lost (60)' },
    restarts: {
      type: 'string',
      valueHint: 'number',
      description: 'Start all again so often when a member is lost (0); they go on from their last checkpoints',
    },
    json: { type: 'boolean', description: 'Print the outcome as one JSON value; what members print goes to stderr' },
  },
  async run({ args, data }) {
    const json = args.json === true;
    const restarts = numberOption('restarts', args.restarts, 0) ?? 0;
    const silence = numberOption('timeout', args.timeout, 1);
    const plan = planOf(args);
    if (!existsSync(resolve(args.script))) {
      throw new TrainbookError({
        what: 'launch: no such file',
        received: resolve(args.script),
        expected: 'an experiment, or a script that calls joinGroup()',
      });
    }
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    for (let attempt = 0; ; attempt++) {
      const { members, threads } = await plan();
      const outcome = await runMembers({
        script: args.script,
        args: Array.isArray(data) ? (data as string[]) : [],
        members,
        ...(threads === undefined ? {} : { threads }),
        ...(silence === undefined ? {} : { silence }),
        onLine: (line, stream) => process[json ? 'stderr' : stream].write(`${line}\n`),
      });
      if (outcome.lost !== undefined) say(`launch: ${outcome.lost.how}`);
      if (outcome.state === 'failed' && attempt < restarts) {
        say(`launch: starting all again (restart ${attempt + 1} of ${restarts})`);
        continue;
      }
      if (outcome.state === 'done' && !outcome.joined && members.length > 1) say(alone(args.script, members.length));
      if (json) process.stdout.write(`${JSON.stringify(summary(outcome, attempt))}\n`);
      return outcome.state === 'done' ? 0 : 1;
    }
  },
});

function alone(script: string, count: number): string {
  return `launch: ${script} never called joinGroup(): ${count} processes each did the whole work alone`;
}

function summary({ state, lost, members }: Outcome, restarts: number): object {
  return { state, restarts, ...(lost === undefined ? {} : { lost }), members };
}

/** Who is to be started here; asked again for each restart, since ports may have been taken meanwhile. */
type Plan = () => Promise<{ readonly members: readonly Membership[]; readonly threads?: number }>;

function planOf(args: { readonly processes?: string; readonly hosts?: string; readonly index?: string }): Plan {
  const processes = numberOption('processes', args.processes, 1);
  const index = numberOption('index', args.index, 0);
  const own = threadsOfUser();
  if (processes !== undefined && args.hosts !== undefined) {
    throw new UsageError('--processes starts a group on this machine, --hosts joins one on several: give one of them');
  }
  if ((args.hosts === undefined) !== (index === undefined)) throw new UsageError('--hosts and --index go together');
  if (processes !== undefined) {
    const threads = own ?? threadsOfEach(processes);
    return async () => ({ members: await localGroup(processes), threads });
  }
  const hosts = args.hosts?.split(',');
  const slurm = hosts === undefined ? slurmMembership() : undefined;
  const membership = hosts !== undefined && index !== undefined ? { hosts, index } : slurm;
  if (membership === undefined) throw new UsageError('how many? --processes 2, or --hosts and --index, or srun');
  checkAddresses(membership);
  const neighbours = numNeighbours(membership);
  // Slurm gives each task its own cores
  const shared = slurm === undefined ? threadsOfEach(neighbours) : undefined;
  const threads = own ?? shared;
  return () => Promise.resolve({ members: [membership], ...(threads === undefined ? {} : { threads }) });
}

function checkAddresses(membership: Membership): void {
  try {
    meeting(membership);
    membership.hosts.forEach(parseHost);
  } catch (error) {
    throw error instanceof TrainbookError ? new UsageError(error.message) : error;
  }
}

/** What the user has said by the environment stays. */
function threadsOfUser(): number | undefined {
  const text = process.env['TRAINBOOK_THREADS'];
  return text === undefined || text === '' ? undefined : Number(text);
}

function numberOption(name: string, text: string | undefined, least: number): number | undefined {
  const value = integerOption(name, text);
  if (value === undefined || value >= least) return value;
  throw new UsageError(`--${name} needs an integer of at least ${least}, not '${text ?? ''}'`);
}
