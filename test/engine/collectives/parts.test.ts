import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buckets } from '../../../src/engine/collectives/buckets.js';
import { differences } from '../../../src/engine/collectives/differences.js';
import { meeting, membershipOf, parseHost, toEnvironment } from '../../../src/engine/collectives/membership.js';
import { serverDefinition } from '../../../src/engine/collectives/server-definition.js';
import { expandCounts, expandHosts, slurmMembership } from '../../../src/engine/collectives/slurm.js';
import { threadsOfProcess } from '../../../src/engine/tensorflow/context.js';
import { bytesOf, type DType, sizeOf } from '../../../src/engine/trace.js';

describe('buckets', () => {
  it('hold tensors of one dtype in the order of the list', () => {
    const float = (...shape: number[]) => ({ dtype: 'float32' as const, shape });
    const specs = [float(2, 3), { dtype: 'int32' as const, shape: [4] }, float(), float(0, 9), float(5)];
    expect(buckets(specs, 28)).toEqual([
      { dtype: 'float32', positions: [0, 2], sizes: [6, 1] },
      { dtype: 'float32', positions: [4], sizes: [5] },
      { dtype: 'int32', positions: [1], sizes: [4] },
    ]);
  });

  it('hold every element once and keep to the limit, but for a tensor that is larger', () => {
    const spec = fc.record({
      dtype: fc.constantFrom<DType>('float32', 'bfloat16', 'int32', 'bool'),
      shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(spec), fc.integer({ min: 1, max: 200 }), (specs, most) => {
        const packed = buckets(specs, most);
        const positions = packed.flatMap((bucket) => [...bucket.positions]).sort((a, b) => a - b);
        expect(positions).toEqual([...specs.keys()].filter((at) => sizeOf(specs[at]?.shape ?? [0]) > 0));
        for (const bucket of packed) {
          const inside = bucket.positions.map((at) => specs[at] ?? { dtype: 'string' as const, shape: [] });
          expect(inside.map(({ dtype }) => dtype)).toEqual(inside.map(() => bucket.dtype));
          expect(inside.map(({ shape }) => sizeOf(shape))).toEqual(bucket.sizes);
          if (inside.length > 1) expect(inside.reduce((sum, at) => sum + bytesOf(at), 0)).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});

describe('differences of calls', () => {
  it('name the first tensor in which members differ, and equal members together', () => {
    const call = (...lines: string[]): string[] => ['allReduce mean', ...lines];
    const calls = new Map([
      [2, call('float32[2]', 'float32[5]')],
      [0, call('float32[2]', 'float32[4]')],
      [1, call('float32[2]', 'float32[4]')],
    ]);
    expect(differences(calls)).toBe(
      'members 0, 1: allReduce mean, tensor 1 is float32[4]; member 2: allReduce mean, tensor 1 is float32[5]',
    );
    calls.set(2, call('float32[2]'));
    expect(differences(calls)).toMatch(/member 2: allReduce mean, tensor 1 is missing \(there are 1\)$/u);
    calls.set(2, call('float32[2]', 'float32[4]'));
    expect(differences(calls)).toBeUndefined();
  });
});

describe('Slurm', () => {
  it.each([
    ['node[01-03,7],login', ['node01', 'node02', 'node03', 'node7', 'login']],
    ['gpu', ['gpu']],
    ['a[9-11]-ib', ['a9-ib', 'a10-ib', 'a11-ib']],
    [
      'rack[1-2]node[098-100]',
      ['rack1node098', 'rack1node099', 'rack1node100', 'rack2node098', 'rack2node099', 'rack2node100'],
    ],
    ['n[1,3-4],m[2]', ['n1', 'n3', 'n4', 'm2']],
  ])('%s', (list, hosts) => {
    expect(expandHosts(list)).toEqual(hosts);
  });

  it.each(['node[01-', 'node[3-1]', 'node[a-b]', 'a,,b', ''])('%j is refused with a word on it', (list) => {
    expect(() => expandHosts(list)).toThrow(
      /group: Slurm's environment has a (range|list of hosts) that cannot be read/u,
    );
  });

  it('ranges are what they abbreviate', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 4 }), (given, width) => {
        const hosts = given.map((number) => `n${String(number).padStart(width, '0')}`);
        expect(expandHosts(`n[${hosts.map((host) => host.slice(1)).join(',')}]`)).toEqual(hosts);
      }),
    );
  });

  it('counts of tasks', () => {
    expect(expandCounts('2(x3),1')).toEqual([2, 2, 2, 1]);
    expect(() => expandCounts('2x3')).toThrow('a list of counts');
  });

  it('a task of a step becomes a member; a batch script does not', () => {
    const job = { SLURM_JOB_ID: '4711', SLURM_NTASKS: '3', SLURM_PROCID: '2', SLURM_JOB_NODELIST: 'node[1-2]' };
    expect(slurmMembership(job)).toBeUndefined();
    expect(slurmMembership({})).toBeUndefined();
    const step = {
      ...job,
      SLURM_STEP_ID: '1',
      SLURM_STEP_NUM_TASKS: '3',
      SLURM_STEP_TASKS_PER_NODE: '2,1',
      SLURM_STEP_NODELIST: 'node[1-2]',
      SLURMD_NODENAME: 'node2',
    };
    const port = 15_000 + ((4711 * 7 + 1) % 15_000);
    expect(slurmMembership(step)).toEqual({ hosts: [`node1:${port}`, 'node1', 'node2'], index: 2, id: 'slurm 4711.1' });
    expect(() => slurmMembership({ ...step, SLURM_PROCID: '3' })).toThrow('SLURM_PROCID 3 of SLURM_STEP_NUM_TASKS 3');
  });
});

describe('a membership', () => {
  it('goes into the environment and back', () => {
    const membership = { hosts: ['a:4000', 'b'], index: 1, id: 'x' };
    expect(membershipOf(toEnvironment(membership))).toEqual(membership);
    expect(membershipOf({})).toBeUndefined();
    expect(meeting(membership)).toEqual({ group: 'x', hosts: ['a', 'b'], index: 1, port: 4000 });
    expect(parseHost(' node01:4000')).toEqual({ host: 'node01', port: 4000 });
    expect(() => parseHost('a:0')).toThrow('no address of a member');
  });

  it('threads of a process come from the environment', () => {
    expect(threadsOfProcess({ TRAINBOOK_THREADS: '3' })).toBe(3);
    expect(threadsOfProcess({})).toBeGreaterThan(0);
    expect(() => threadsOfProcess({ TRAINBOOK_THREADS: 'many' })).toThrow('TRAINBOOK_THREADS is no number of threads');
  });
});

it('a ServerDef is the bytes that protocol buffers give', () => {
  // job "worker" { tasks { 0: "a:1" } }, job_name "worker", task_index 0, an empty config, protocol "grpc": written by hand
  const hex = [
    '0a130a110a06776f726b6572120708001203613a31', // 1: cluster { 1: job { 1: name, 2: { 1: 0, 2: "a:1" } } }
    '1206776f726b6572', // 2: "worker"
    '1800', // 3: 0
    '2200', // 4: {}
    '2a0467727063', // 5: "grpc"
  ];
  expect(serverDefinition(['a:1'], 0, new Uint8Array(0)).toString('hex')).toBe(hex.join(''));
});
