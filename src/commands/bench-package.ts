import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';
import { TrainbookError } from '../error.js';
import { findPlugin } from '../engine/pjrt/find-plugin.js';
import { filesIn, loadedFiles } from '../setup/loaded-files.js';
import { lastLines, runProgram } from '../setup/program.js';
import { packageRoot } from '../setup/project.js';

/** What is measured where nothing else is named: what needs a device. */
const usual = 'device-step,accelerator';

/** Finds the CUDA plugin of this machine's Python, wherever that keeps its packages, and measures. */
const script = `#!/bin/sh
# Measures a device: ./run.sh [name of the device, else cuda:0] [options of trainbook bench]
# Needs a driver and a plugin (jax-cuda13-pjrt or jax-cuda12-pjrt of a Python, or TRAINBOOK_PJRT_PLUGIN=/path/of/plugin.so); nothing else:
# no network, no TensorFlow, no Node. PyTorch is measured beside it where python3 has it.
here=$(cd "$(dirname "$0")" && pwd)
device=\${1:-cuda:0}
[ $# -gt 0 ] && shift
if [ -z "$TRAINBOOK_PJRT_PLUGIN" ]; then
  plugin=$(python3 -c 'import sys, os
names = ["jax_plugins/xla_cuda13/xla_cuda_plugin.so", "jax_plugins/xla_cuda12/xla_cuda_plugin.so"]
print(next((p for n in names for s in sys.path for p in [os.path.join(s, n)] if os.path.exists(p)), ""))' 2> /dev/null)
  [ -n "$plugin" ] && export TRAINBOOK_PJRT_PLUGIN="cuda=$plugin"
fi
export TRAINBOOK_LIBTENSORFLOW=none
cd "$here" && exec ./node bin/trainbook.mjs bench NAMES --device "$device" "$@"
`;

/**
 * Writes an archive with which benchmarks run on a machine of this kind that has a device, and no network: Node, the built library, the
 * benchmarks, and of all packages the files that a dry run on the CPU plugin loads. It is unpacked elsewhere and run once, so that it is
 * whole.
 *
 * @param names of benchmarks, separated by commas.
 * @returns bytes of the archive.
 * @throws TrainbookError without the CPU plugin, or where one of the two dry runs fails.
 */
export async function packBenchmarks(
  path: string,
  names = usual,
  say: (line: string) => void = () => undefined,
): Promise<number> {
  const plugin = findPlugin('cpu');
  if (plugin === undefined || !existsSync(plugin.path)) {
    throw new TrainbookError({
      what: 'bench --package: a dry run needs the CPU plugin',
      expected: 'a plugin that runs here',
      fix: 'npx trainbook setup --cpu-plugin',
    });
  }
  const work = await mkdtemp(join(tmpdir(), 'trainbook-package-'));
  try {
    const folder = join(work, 'trainbook-bench');
    say('copying the library and the benchmarks');
    await copyProject(folder, names);
    const environment = {
      PATH: process.env['PATH'],
      HOME: work,
      TRAINBOOK_LIBTENSORFLOW: 'none',
      TRAINBOOK_PJRT_PLUGIN: `cpu=${plugin.path}`,
    };
    say('a dry run, to see what is loaded');
    const modules = join(folder, 'node_modules');
    await symlink(join(packageRoot, 'node_modules'), modules);
    const program = [
      join('bin', 'trainbook.mjs'),
      'bench',
      names,
      '--quick',
      '--peer-python',
      'none',
      '--device',
      'cpu:0',
    ];
    const loaded = await loadedFiles(program, { cwd: folder, environment });
    await rm(modules);
    const installed = join(packageRoot, 'node_modules') + sep;
    await copyAll(
      loaded.filter((file) => file.startsWith(installed)),
      installed,
      modules,
    );
    await rm(join(folder, 'runs'), { recursive: true, force: true });
    say('packing');
    const archive = resolve(path);
    await mkdir(dirname(archive), { recursive: true });
    await must('tar', ['-czf', archive, '-C', work, 'trainbook-bench'], work);
    say('a dry run of what was packed');
    const elsewhere = join(work, 'elsewhere');
    await mkdir(elsewhere);
    await must('tar', ['-xzf', archive, '-C', elsewhere], work);
    const unpacked = join(elsewhere, 'trainbook-bench', 'run.sh');
    await must('sh', [unpacked, 'cpu:0', '--quick', '--peer-python', 'none'], elsewhere, environment);
    return (await stat(archive)).size;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function must(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<void> {
  const result = await runProgram(command, args, { cwd, environment });
  if (result.code === 0) return;
  throw new TrainbookError({
    what: `bench --package: ${command} failed`,
    received: lastLines(result, 12),
    expected: `${command} ${args.join(' ')} without errors`,
  });
}

/** Node, the built library, the benchmarks as JavaScript, and the script that runs them. */
async function copyProject(folder: string, names: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const built = join(packageRoot, 'dist');
  const isCode = (file: string): boolean => !/\.(map|d\.c?ts)$/.test(file);
  await copyAll(filesIn(built).filter(isCode), packageRoot, folder);
  await copyAll(filesIn(join(packageRoot, 'bin')), packageRoot, folder);
  const experiments = filesIn(join(packageRoot, 'experiments'));
  await copyAll(
    experiments.filter((file) => file.endsWith('.py')),
    packageRoot,
    folder,
  );
  await compileAll(
    experiments.filter((file) => file.endsWith('.ts')),
    folder,
  );
  const described = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as Record<string, unknown>;
  const { name, version, type, exports: entries } = described;
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name, version, type, exports: entries }, undefined, 2),
  );
  await copyFile(process.execPath, join(folder, 'node'));
  await chmod(join(folder, 'node'), 0o755);
  await writeFile(join(folder, 'run.sh'), script.replace('NAMES', names), { mode: 0o755 });
}

/** TypeScript as JavaScript, and with it what it imports by its path. */
async function compileAll(files: readonly string[], folder: string): Promise<void> {
  const { ESNext } = ts.ModuleKind;
  const compilerOptions = { module: ESNext, target: ts.ScriptTarget.ES2022 };
  const waiting = [...files];
  const known = new Set(waiting);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const { outputText } = ts.transpileModule(await readFile(file, 'utf8'), { compilerOptions });
    const to = join(folder, relative(packageRoot, file)).replace(/\.ts$/, '.js');
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, outputText);
    for (const { fileName } of ts.preProcessFile(outputText).importedFiles) {
      const imported = resolve(dirname(file), fileName).replace(/\.js$/, '.ts');
      if (!fileName.startsWith('.') || known.has(imported) || !existsSync(imported)) continue;
      known.add(imported);
      waiting.push(imported);
    }
  }
}

/** Copies files that lie below `from` to the same places below `to`. */
async function copyAll(files: readonly string[], from: string, to: string): Promise<void> {
  for (const file of files) {
    const place = join(to, relative(from, file));
    await mkdir(dirname(place), { recursive: true });
    await copyFile(file, place);
  }
}
