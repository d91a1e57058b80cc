import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withLock } from '../../bin/lock.mjs';
import { writeAtomic } from '../files.js';
import {
  findLibrary,
  type LibraryManifest,
  libraryFiles,
  setUpLibraryFolder,
  type Surroundings,
  surroundings,
  tensorflowVersion,
} from '../engine/library.js';
import { requireDisk } from './disk.js';
import type { Say, Step } from './step.js';
import { downloadWheel, type PinnedWheel, removeLeftovers, sha256, unpackWheel } from './wheel.js';

/** A wheel on the Python package index that holds libtensorflow. */
export interface Wheel {
  readonly package: 'tensorflow' | 'tensorflow-cpu';
  readonly platform: string;
  readonly sha256: string;
  /** Of the wheel, and of the two files that are kept (10⁶ bytes). */
  readonly megabytes: number;
  readonly keptMegabytes: number;
}

/**
 * The wheels of TensorFlow 2.21.0 for Python 3.12, by system and processor; whichever Python is installed, the library is
 * the same. Linux x64 is tried; the other two are known by their contents only. The wheel for Windows holds no library
 * with the C API apart from Python's; Intel Macs have no wheel of this release.
 */
const wheels: Readonly<Record<string, Wheel>> = {
  'linux-x64': {
    package: 'tensorflow-cpu',
    platform: 'manylinux_2_27_x86_64',
    sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
    megabytes: 274,
    keptMegabytes: 854,
  },
  'linux-arm64': {
    package: 'tensorflow',
    platform: 'manylinux_2_27_aarch64',
    sha256: 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
    megabytes: 282,
    keptMegabytes: 884,
  },
  'darwin-arm64': {
    package: 'tensorflow',
    platform: 'macosx_12_0_arm64',
    sha256: '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
    megabytes: 223,
    keptMegabytes: 742,
  },
};

/** The wheel for a machine, or undefined where none holds the library. */
export function wheelFor({ platform, arch }: Pick<Surroundings, 'platform' | 'arch'>): Wheel | undefined {
  return wheels[`${platform}-${arch}`];
}

/**
 * libtensorflow in the user's cache folder, shared by clones and projects. Ready where any library is found already
 * (`TRAINBOOK_LIBTENSORFLOW`, an active Python environment) and where no wheel holds one: the engine then says what it
 * falls back to.
 */
export function libraryStep(
  project: string,
  around: Surroundings = surroundings(),
  wheel: Wheel | undefined = wheelFor(around),
): Step {
  const folder = setUpLibraryFolder(around);
  return {
    name: 'libtensorflow',
    path: folder,
    isReady: () => wheel === undefined || findLibrary(around) !== undefined,
    run: async (say) => {
      if (wheel === undefined) return;
      await withLock(
        `${folder}.lock`,
        async () => {
          if (findLibrary(around) === undefined) await fetchLibrary(project, around, wheel, say);
        },
        (owner) => {
          say(`waiting for ${owner}, which is fetching the library`);
        },
      );
    },
  };
}

/** Downloads beside the target, unpacks what is needed, writes the manifest and renames: a folder that exists is whole. */
async function fetchLibrary(project: string, around: Surroundings, wheel: Wheel, say: Say): Promise<void> {
  const folder = setUpLibraryFolder(around);
  requireDisk('libtensorflow', dirname(folder), wheel.megabytes + wheel.keptMegabytes + 100);
  await mkdir(dirname(folder), { recursive: true });
  await removeLeftovers(folder);
  const beside = await mkdtemp(`${folder}.part-`);
  try {
    const path = await downloadWheel(project, pinned(wheel), join(beside, 'wheel'), say);
    say(`unpacking the two library files (${wheel.keptMegabytes} MB)`);
    const unpacked = join(beside, 'unpacked');
    const names = [...keptNames(around.platform), 'include/LICENSE', 'THIRD_PARTY_NOTICES.txt'];
    const members = names.map((name) => [`tensorflow/${name}`, basename(name)] as const);
    await unpackWheel(project, path, unpacked, Object.fromEntries(members));
    await writeAtomic(
      join(unpacked, 'manifest.json'),
      JSON.stringify(await describe(unpacked, path, wheel, around.platform), null, 2),
    );
    await rm(folder, { recursive: true, force: true });
    await rename(unpacked, folder);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** The wheel for Python 3.12, whatever Python runs pip. */
const pinned = (wheel: Wheel): PinnedWheel => ({
  ...wheel,
  version: tensorflowVersion,
  pipOptions: [
    ...['--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.12', '--abi', 'cp312'],
    ...['--platform', wheel.platform],
  ],
});

function keptNames(platform: NodeJS.Platform): string[] {
  const files = libraryFiles(platform);
  return files === undefined ? [] : [files.cc, files.framework];
}

async function describe(
  folder: string,
  wheelPath: string,
  wheel: Wheel,
  platform: NodeJS.Platform,
): Promise<LibraryManifest> {
  const files: LibraryManifest['files'] = [];
  for (const name of keptNames(platform)) {
    const path = join(folder, name);
    files.push({ name, bytes: (await stat(path)).size, sha256: await sha256(path) });
  }
  return {
    format: 1,
    version: tensorflowVersion,
    wheel: { name: basename(wheelPath), sha256: wheel.sha256 },
    files,
  };
}

/** Reads the whole library and compares it with the hashes of the set-up; undefined where all is as it was. */
export async function damagedFile(folder: string, manifest: LibraryManifest): Promise<string | undefined> {
  for (const { name, sha256: expected } of manifest.files) {
    const path = join(folder, name);
    if (!existsSync(path) || (await sha256(path)) !== expected) return path;
  }
  return undefined;
}
