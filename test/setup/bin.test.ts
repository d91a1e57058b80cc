import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { script, temporaryFolder } from './fakes.js';

// The code that runs before any package is there: each test starts it in a Node of its own.

const bin = join(import.meta.dirname, '..', '..', 'bin');
let root: string;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function node(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { ...process.env, ...environment } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Runs an expression that sees a module of bin/ as `module`. */
function evaluate(
  name: string,
  expression: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const url = pathToFileURL(join(bin, name)).href;
  return node(['--input-type=module', '-e', `import * as module from '${url}'; ${expression}`], environment);
}

beforeEach(() => {
  root = temporaryFolder();
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

describe('trainbook.mjs', () => {
  test('an old Node is told what it is and what is needed, before anything else', async () => {
    const hook = join(root, 'old-node.mjs');
    writeFileSync(hook, `Object.defineProperty(process.versions, 'node', { value: '20.18.3' });`);
    const result = await node(['--import', pathToFileURL(hook).href, join(bin, 'trainbook.mjs'), 'setup']);
    expect(result.code).toBe(1);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(
      /^trainbook: this Node is too old\n {2}received: Node 20\.18\.3 .*\n {2}expected: Node 20\.19 or later/,
    );
  });
});

describe('packages.mjs', () => {
  const install = (npm: string): Promise<Result> => {
    script(join(root, 'path', 'npm'), npm);
    const expression = `await module.installPackages(${JSON.stringify(root)}, (line) => console.log(line)).catch((error) => { console.error(error.message); process.exit(1) });`;
    return evaluate('packages.mjs', expression, { PATH: `${join(root, 'path')}:${process.env['PATH'] ?? ''}` });
  };
  const installs = (): number => readFileSync(join(root, 'installs'), 'utf8').length;
  const works = (): string => `printf x >> '${join(root, 'installs')}'; mkdir -p node_modules`;

  beforeEach(() => {
    writeFileSync(join(root, 'package.json'), '{}');
    writeFileSync(join(root, 'package-lock.json'), '{}');
  });

  test('installs once, and again when package-lock.json changed', async () => {
    expect((await install(works())).stdout).toContain('npm ci');
    expect((await install(works())).stdout).toBe('');
    expect(installs()).toBe(1);
    writeFileSync(join(root, 'package-lock.json'), '{"changed":true}');
    await install(works());
    expect(installs()).toBe(2);
  });

  test('without network: npm’s words and what to do; the next run installs', async () => {
    const failed = await install('echo "npm error network request failed" >&2; mkdir -p node_modules; exit 1');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /could not install[^]*received: npm error network request failed[^]*to fix: check the network/,
    );
    expect((await install(works())).code).toBe(0);
    expect(installs()).toBe(1);
  });
});

describe('build.mjs', () => {
  const hash = async (): Promise<string> =>
    (await evaluate('build.mjs', `console.log(module.sourceHash(${JSON.stringify(root)}))`)).stdout;

  test('the hash of the sources follows names and contents, not times', async () => {
    mkdirSync(join(root, 'src', 'data'), { recursive: true });
    mkdirSync(join(root, 'bin'));
    for (const name of [
      'tsconfig.json',
      'tsconfig.build.json',
      'package-lock.json',
      'bin/build.mjs',
      'bin/tfjs-node.mjs',
      'src/data/语料.ts',
    ]) {
      writeFileSync(join(root, name), name);
    }
    const before = await hash();
    writeFileSync(join(root, 'src', 'data', '语料.ts'), 'src/data/语料.ts');
    expect(await hash()).toBe(before);
    writeFileSync(join(root, 'src', 'data', '语料.ts'), 'changed');
    const changed = await hash();
    expect(changed).not.toBe(before);
    writeFileSync(join(root, 'src', 'more.ts'), '');
    expect(await hash()).not.toBe(changed);
  });

  test('the built package has tfjs-node’s JavaScript as CommonJS, with its licence', () => {
    const folder = join(bin, '..', 'dist', 'tfjs-node');
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({
      name: '@tensorflow/tfjs-node-gpu',
      type: 'commonjs',
      license: 'Apache-2.0',
    });
    expect(readFileSync(join(folder, 'LICENSE'), 'utf8')).toContain('Apache License');
    expect(existsSync(join(folder, 'nodejs_kernel_backend.js'))).toBe(true);
    expect(existsSync(join(folder, 'kernels', 'Einsum.js'))).toBe(true);
    expect(existsSync(join(folder, 'index.js'))).toBe(false); // it throws without the addon
  });

  test('what tfjs-node’s JavaScript requires is a dependency of ours or of Node', () => {
    const folder = join(bin, '..', 'dist', 'tfjs-node');
    const own = JSON.parse(readFileSync(join(bin, '..', 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const known = [...Object.keys({ ...own['dependencies'], ...own['peerDependencies'] }), ...builtinModules];
    const required = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.js'))
      .flatMap((path) => [...readFileSync(join(folder, path), 'utf8').matchAll(/require\(["']([^."'][^"']*)["']\)/g)])
      .map(([, name = '']) => name);
    expect(required).toContain('@tensorflow/tfjs');
    expect([...new Set(required)].filter((name) => !known.includes(name))).toEqual([]);
  });
});

test('lock.mjs: two holders never overlap', async () => {
  const lock = join(root, 'lock');
  const log = join(root, 'log');
  const expression = `
    import { appendFileSync } from 'node:fs';
    import { setTimeout as wait } from 'node:timers/promises';
    await module.withLock(${JSON.stringify(lock)}, async () => {
      appendFileSync(${JSON.stringify(log)}, '(');
      await wait(100);
      appendFileSync(${JSON.stringify(log)}, ')');
    });`;
  await Promise.all([1, 2, 3].map(() => evaluate('lock.mjs', expression)));
  expect(readFileSync(log, 'utf8')).toBe('()()()');
  expect(existsSync(lock)).toBe(false);
});
