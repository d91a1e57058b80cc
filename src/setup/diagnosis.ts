import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { readManifest, searchLibrary, setUpLibraryFolder, surroundings } from '../engine/library.js';
import { checkOneTfjs } from '../engine/one-tfjs.js';
import { modelsFolder } from '../model/published.js';
import { deviceChecks } from './device-checks.js';
import { diskUsage, freeMegabytes } from './disk.js';
import { environmentFolder, environmentProgram } from './environment.js';
import { isInstalled, kernels } from './kernels.js';
import { damagedFile, wheelFor } from './libtensorflow.js';
import { missingFiles, modelPackages } from './models.js';
import { runProgram } from './program.js';
import { isClone, packageRoot, projectRoot } from './project.js';
import { findPython } from './python.js';

/** One line of the doctor. `missing` needs mending, `note` is worth knowing. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'note' | 'missing';
  readonly value: string;
  readonly fix?: string;
}

/** Something that the set-up made, and how to remove it. */
export interface Removal {
  readonly path: string;
  readonly megabytes: number;
  readonly command: string;
}

export interface Diagnosis {
  readonly checks: readonly Check[];
  readonly removal: readonly Removal[];
}

const setUpCommand = 'npx trainbook setup';

/** Looks at everything that trainbook needs; loads the engine, so that what it says is what a run would meet. */
export async function diagnose(project: string = projectRoot()): Promise<Diagnosis> {
  const checks = [
    ...packageChecks(project),
    ...(await engineChecks()),
    ...deviceChecks(),
    ...(await pythonChecks(project)),
    ...kernels(project).map((kernel): Check => ({
      name: `kernel ${kernel.name}`,
      ...(isInstalled(kernel)
        ? { state: 'ok', value: kernel.path }
        : {
            state: 'missing',
            value: existsSync(kernel.path) ? 'names another Node or package' : 'not installed',
            fix: setUpCommand,
          }),
    })),
    ...modelChecks(),
    ...machineChecks(project),
  ];
  return { checks, removal: await removals(project) };
}

function packageChecks(project: string): Check[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  const npm = /npm\/(\S+)/.exec(process.env['npm_config_user_agent'] ?? '')?.[1];
  return [
    {
      name: 'node',
      value: `${process.versions.node} (${process.platform} ${process.arch})`,
      ...(recent ? { state: 'ok' } : { state: 'missing', fix: 'install Node 20.19 or later' }),
    },
    { name: 'npm', state: npm === undefined ? 'note' : 'ok', value: npm ?? 'not asked: started without npm or npx' },
    {
      name: 'trainbook',
      state: 'ok',
      value: `${versionIn(packageRoot) ?? '?'} (${isClone() ? 'clone' : 'package'} ${packageRoot})`,
    },
    ...['@tensorflow/tfjs', 'koffi', 'tslab'].map((name): Check => {
      const version = installedVersion(name);
      return version === undefined
        ? { name, state: 'missing', value: 'not installed', fix: 'npm install' }
        : { name, state: 'ok', value: version };
    }),
    oneTfjsCheck(project),
  ];
}

function oneTfjsCheck(project: string): Check {
  try {
    checkOneTfjs(project);
    return { name: 'tfjs-core', state: 'ok', value: 'one copy' };
  } catch (error) {
    return { name: 'tfjs-core', state: 'missing', value: error instanceof Error ? error.message : String(error) };
  }
}

function versionIn(folder: string): string | undefined {
  const path = join(folder, 'package.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { version?: string }).version : undefined;
}

/** Some packages do not let their package.json be resolved: walk up from what they do export. */
function installedVersion(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    const version = versionIn(join(folder, name));
    if (version !== undefined) return version;
  }
  return undefined;
}

async function engineChecks(): Promise<Check[]> {
  const around = surroundings();
  const { library, rejected } = searchLibrary(around);
  const { engineInfo } = await import('../engine/backend.js');
  const info = engineInfo();
  const passedOver = rejected.map(({ source, folder, reason }): Check => ({
    name: 'passed over',
    state: 'note',
    value: `${source} ${folder}: ${reason}`,
  }));
  const native = info.library !== undefined;
  const noWheel = wheelFor(around) === undefined;
  const fix = noWheel
    ? `no libtensorflow is known for ${around.platform} ${around.arch}; on Windows, use WSL 2`
    : setUpCommand;
  const manifest = readManifest(setUpLibraryFolder(around));
  const damaged =
    library?.source === 'set-up' && manifest !== undefined ? await damagedFile(library.folder, manifest) : undefined;
  return [
    {
      name: 'engine',
      value: `${info.backend}: ${info.reason.replace(/\n\s*/g, '; ')}`,
      ...(native ? { state: 'ok' } : { state: noWheel ? 'note' : 'missing', fix }),
    },
    ...(library === undefined ? [] : [{ name: 'library', state: 'ok', value: library.folder } as const]),
    ...passedOver,
    ...(damaged === undefined
      ? []
      : [
          {
            name: 'library',
            state: 'missing',
            value: `${damaged} is not what was set up`,
            fix: `rm -r ${dirname(damaged)} && ${setUpCommand}`,
          } as const,
        ]),
    { name: 'devices', state: 'ok', value: info.devices.join(', ') },
  ];
}

async function pythonChecks(project: string): Promise<Check[]> {
  const program = environmentProgram(project, 'python');
  const asked = await runProgram(program, [
    '-c',
    'import platform, jupyterlab, plotly; print(platform.python_version(), jupyterlab.__version__, plotly.__version__)',
  ]);
  const [python, jupyterlab, plotly] = asked.stdout.trim().split(' ');
  if (asked.code === 0 && python !== undefined) {
    return [
      { name: 'python', state: 'ok', value: `${python} (${environmentFolder(project)})` },
      { name: 'jupyterlab', state: 'ok', value: `${jupyterlab ?? '?'}, plotly ${plotly ?? '?'}` },
    ];
  }
  const made = existsSync(environmentFolder(project));
  const found = await findPython().catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
  const system: Check =
    found instanceof Error
      ? { name: 'python', state: 'missing', value: found.message.split('\n').join(';') }
      : { name: 'python', state: 'ok', value: `${found.version} (${found.command})` };
  return [
    system,
    { name: 'jupyterlab', state: 'missing', value: made ? '.venv is half-made' : 'no .venv', fix: setUpCommand },
  ];
}

/** Published models are not needed: only one that has lost files is to be mended. */
function modelChecks(): Check[] {
  const fix = `${setUpCommand} --models`;
  const found = modelPackages.filter(({ name }) => existsSync(join(modelsFolder(), name)));
  if (found.length === 0) {
    return [{ name: 'models', state: 'note', value: `no published models; ${fix} fetches them (192 MB)` }];
  }
  return found.map((model): Check => {
    const [missing] = missingFiles(model);
    const name = `model ${model.name}`;
    if (missing === undefined) return { name, state: 'ok', value: join(modelsFolder(), model.name) };
    return { name, state: 'missing', value: `${missing} is missing or damaged`, fix };
  });
}

function machineChecks(project: string): Check[] {
  const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
  return [
    {
      name: 'cores',
      state: 'ok',
      value: `${availableParallelism()} (${cpus()[0]?.model.trim() ?? 'unknown processor'})`,
    },
    { name: 'memory', state: 'ok', value: `${gigabytes(freemem())} GB free of ${gigabytes(totalmem())} GB` },
    { name: 'disk', state: 'ok', value: `${(freeMegabytes(project) / 1000).toFixed(1)} GB free at ${project}` },
  ];
}

async function removals(project: string): Promise<Removal[]> {
  const remove = process.platform === 'win32' ? 'rmdir /s' : 'rm -r';
  const paths = [
    environmentFolder(project),
    setUpLibraryFolder(),
    ...modelPackages.filter((model) => missingFiles(model).length === 0).map(({ name }) => join(modelsFolder(), name)),
    ...(isClone() ? [join(packageRoot, 'node_modules'), join(packageRoot, 'dist')] : []),
    join(project, 'runs'),
  ].filter((path) => existsSync(path));
  return Promise.all(
    paths.map(async (path) => ({ path, megabytes: Math.round(await diskUsage(path)), command: `${remove} '${path}'` })),
  );
}
