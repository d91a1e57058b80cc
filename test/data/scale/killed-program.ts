// A pipeline over shards as a process of its own, to be killed: says when it begins, and the hash of what it wrote.
import { deduplicate } from '../../../src/data/deduplicate/deduplicate.js';
import { load } from '../../../src/data/read/load.js';
import { longest, shout } from './steps.js';

const { files, out, workers } = JSON.parse(process.argv[2] ?? '') as {
  readonly files: readonly string[];
  readonly out: string;
  readonly workers: number;
};
process.stdout.write('begun\n');
const { hash } = await load(files)
  .through(shout(7), deduplicate({ threshold: 0.8 }), shout(5), longest(0.2))
  .write(out, { shards: 4, workers });
process.stdout.write(`${hash}\n`);
