import type { ChildProcess } from 'node:child_process';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { joinGroup } from '../../../src/engine/collectives/join-group.js';
import { groupOfOne } from '../../../src/engine/group.js';
import '../../../src/engine/backend.js';
import { freePort, type Line, type MemberProcess, startProcesses } from './group-processes.js';

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** What each process prints of its next group. */
async function nextGroup(members: readonly MemberProcess[]): Promise<Line[]> {
  expect(await Promise.all(members.map((member) => member.line()))).toEqual(members.map(() => ({ joined: true })));
  return Promise.all(members.map((member) => member.line()));
}

describe('three processes', { timeout: 180_000 }, () => {
  it('reduce, gather, broadcast and wait for each other', async () => {
    const members = await startProcesses([{ scenario: 'everything', processes: [0, 1, 2] }], started);
    const results = (await nextGroup(members)).map(({ result }) => result as Record<string, unknown>);
    const ends = await Promise.all(members.map(({ ended }) => ended));
    expect(ends).toEqual([0, 1, 2].map(() => ({ code: 0, stderr: '' })));
    for (const [index, result] of results.entries()) {
      const { digest, sample, ...exact } = result as { digest: string; sample: [number, number] };
      // by hand: member i has [[i, 1], [2, 3]], i, [i, 10], an empty tensor; i = 0, 1, 2
      expect(exact).toMatchObject({
        sums: [
          [[2, 2], [3, 3, 6, 9]],
          [[], [3]],
          [[2], [3, 30]],
          [[0, 3], []],
        ], // prettier-ignore
        means: [
          [[2], [1, 4]],
          [[], [1]],
        ], // prettier-ignore
        bytes: (2 * 2 * 5 * 1_800_000 * 4) / 3, // a ring: 2 (n − 1) / n of the bytes
        both: [[[[], [3]]], [[[], [30]]]],
        gathered: [
          [[3, 2], [0, 0.5, 1, 1.5, 2, 2.5]],
          [[3], [0, 1, 2]],
          [[6], [0, 1, 1, 1, 0, 1]],
        ], // prettier-ignore
        last: [
          [[2], [2, 7]],
          [[], [1]],
        ], // prettier-ignore
        again: [[[2], [0, 8]]],
        afterwards: 9, // tensors of before and after the group live on
      });
      expect(result.refused).toMatch(/^group: the sum of such a tensor is not defined/u);
      expect(result.noMember).toMatch(/^group: there is no such member to broadcast from\n {2}received: 9/u);
      expect(digest).toBe(results[0]?.digest); // two buckets of 36 MB, equal to the last bit
      const one = Math.sin(12_345);
      expect(sample[1]).toBeCloseTo(one * 10 ** (index + 1), 2);
      expect(sample[0]).toBeCloseTo(one * 1110, 1);
    }
  });
});

describe('two processes', { timeout: 180_000 }, () => {
  it('are told where they differ, may join again, and leave by ending', async () => {
    const processes = [0, 1];
    const members = await startProcesses(
      [
        { scenario: 'mismatch', processes },
        { scenario: 'order', processes },
        { scenario: 'late', processes, timeouts: { wait: 1 } },
        { scenario: 'many', processes },
        { scenario: 'ends', processes },
      ],
      started,
    );
    const differ = (how: string): string =>
      `group: the members do not make the same call\n  received: call 1: member 0: ${how}\n`;
    const mismatch = 'allReduce sum, tensor 1 is float32[1]; member 1: allReduce sum, tensor 1 is float32[2]';
    for (const { error } of await nextGroup(members)) expect(error).toContain(differ(mismatch));
    for (const { error, name } of await nextGroup(members)) {
      expect(error).toContain(differ('barrier; member 1: allReduce sum'));
      expect(name).toBe('TrainbookError');
    }
    const [late] = await nextGroup(members);
    expect(late?.error).toMatch(
      /^group: not all members came to call 1 \(barrier\) within 1 s\n {2}received: none of member 1 \(127\.0\.0\.1, pid \d+\)/u,
    );
    // TensorFlow would keep two threads for each call with a time limit of its own
    for (const { result } of await nextGroup(members)) expect(result).toBeLessThan(20);
    expect(await nextGroup(members)).toEqual([1, 2].map(() => ({ result: [[[], [1]]] })));
    const ends = await Promise.all(members.map(({ ended }) => ended));
    expect(ends).toEqual([1, 2].map(() => ({ code: 0, stderr: '' })));
  });
});

describe('a lost member', { timeout: 180_000 }, () => {
  it('is named to the others in seconds; these may go on as a group of fewer', async () => {
    const timeouts = { silence: 2 };
    const members = await startProcesses(
      [
        { scenario: 'rounds', processes: [0, 1, 2, 3] },
        { scenario: 'rounds', processes: [0, 2, 3], timeouts },
        { scenario: 'rounds', processes: [0, 2] },
      ],
      started,
    );
    const left = new Set(members);
    const lose = async (
      process: number,
      signal: 'SIGKILL' | 'SIGSTOP',
      index: number,
      reason: string,
    ): Promise<void> => {
      for (const member of left) expect(await member.line()).toEqual({ joined: true });
      const victim = members[process] as MemberProcess;
      const since = performance.now();
      victim.child.kill(signal);
      left.delete(victim);
      for (const member of left) {
        const { error, lost } = await member.line();
        expect(error).toContain(`group: member ${index} (127.0.0.1, pid ${victim.child.pid ?? 0}) was lost`);
        expect(error).toContain(`received: ${reason}\n`);
        expect(lost).toBe(index);
      }
      expect(performance.now() - since).toBeLessThan(12_000); /* 2 s of silence, and a busy machine */
    };
    const ended = 'its process ended (the connection closed)';
    await lose(1, 'SIGKILL', 1, ended);
    await lose(3, 'SIGSTOP', 2, 'no sign of life for 2 s');
    await lose(0, 'SIGKILL', 0, ended); // where all meet
    expect(await members[2]?.ended).toEqual({ code: 1, stderr: '' });
  });
});

describe('a group of one', () => {
  it('is what there is without a launcher, and gives copies', async () => {
    const group = await joinGroup();
    expect([group.index, group.size, group.bytesSent]).toEqual([0, 1, 0]);
    const x = tf.tensor2d([[1, 2]]);
    const [sum] = await group.allReduce([x], 'sum');
    x.dispose();
    expect(sum?.arraySync()).toEqual([[1, 2]]);
    const [gathered] = await group.allGather([tf.scalar(3)]);
    expect(gathered?.arraySync()).toEqual([3]); // a scalar of each member
    await group.barrier();
    await group.leave();
  });

  it('refuses what a group of several refuses', async () => {
    const group = groupOfOne();
    await expect(group.allReduce([tf.tensor1d([1, 2], 'int32')], 'mean')).rejects.toThrow(
      /group: the mean of such a tensor is not defined\n {2}received: int32\[2\]/u,
    );
    await expect(group.broadcast([tf.tensor1d(['a'])], 0)).rejects.toThrow('group: such a tensor cannot be sent');
  });
});

describe('joining', () => {
  it('refuses an index without a place and a first host without a port', async () => {
    await expect(joinGroup({ hosts: ['a:1', 'b'], index: 2 })).rejects.toThrow('index 2 of 2 hosts');
    await expect(joinGroup({ hosts: ['a', 'b'], index: 0 })).rejects.toThrow('the first host needs a port');
    await expect(joinGroup({ hosts: ['a:1:2', 'b'], index: 0 })).rejects.toThrow('no address of a member');
  });

  it('ends where member 0 does not answer', async () => {
    const alone = joinGroup({ hosts: ['127.0.0.1:1', '127.0.0.1'], index: 1, timeouts: { join: 0.3 } });
    await expect(alone).rejects.toThrow('group: member 0 does not answer at 127.0.0.1:1');
  });

  it('names members that do not come, and refuses those of another group', async () => {
    const hosts = [`127.0.0.1:${await freePort()}`, '127.0.0.1'];
    const first = joinGroup({ hosts, index: 0, timeouts: { join: 1.5 } });
    const stranger = joinGroup({ hosts, index: 1, id: 'another', timeouts: { join: 5 } });
    const fourth = joinGroup({ hosts: [...hosts, '127.0.0.1', '127.0.0.1'], index: 3, timeouts: { join: 5 } });
    await Promise.all([
      expect(stranger).rejects.toThrow('another group meets at this address'),
      expect(fourth).rejects.toThrow('another group meets at this address'), // its list of hosts is another one
      expect(first).rejects.toThrow(
        'group: not all members joined within 1.5 s\n  received: none of member 1 (127.0.0.1)',
      ),
    ]);
  });
});
