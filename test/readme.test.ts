import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import ts from 'typescript';
import { afterAll, expect, test, vi } from 'vitest';
import type { Corpus } from '../src/data/corpus.js';
import type { Ablation } from '../src/experiment/ablations/ablation.js';

// The README's examples compile as a user's files do, and run.

const root = resolve(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);

mkdirSync(join(root, 'runs'), { recursive: true });
const folder = mkdtempSync(join(root, 'runs', '.readme-')); // within the project, where its packages are found
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The files of the examples; the experiments that they import are those of the project. */
const files = examples.map((code, index) => {
  const file = join(folder, `example-${index}.ts`);
  const placed = code.replace("'./quickstart.js'", "'../../experiments/quickstart.js'");
  const name = ['loss', 'corpus'].find((each) => code.includes(`const ${each} =`));
  writeFileSync(file, name === undefined ? placed : `${placed}\nexport { ${name} };\n`);
  return file;
});

test('the examples’ types hold', () => {
  const { config } = ts.readConfigFile(join(root, 'experiments/tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, join(root, 'experiments'));
  const program = ts.createProgram(files, { ...options, noEmit: true });
  const messages = files
    .flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  expect(messages).toEqual([]);
}, 60_000);

test('the example of compile runs: zeros that should be ones have loss 1', async () => {
  expect(examples).toHaveLength(5);
  const { loss } = (await import(files[0] ?? '')) as { loss: tf.Scalar };
  expect(loss.dataSync()[0]).toBe(1);
});

test('the example of a pipeline tells the fate of documents', { timeout: 120_000 }, async () => {
  const told: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((text: string) => void told.push(text));
  const { corpus } = (await import(files[1] ?? '')) as { corpus: Corpus };
  log.mockRestore();
  expect(told[0]).toMatch(/^[0-9a-f]{32}.* from brown/u);
  const dropped = corpus.ledger.counts().filter(({ documentsIn, documentsOut }) => documentsOut < documentsIn);
  expect(dropped.map(({ step }) => step)).toEqual(
    expect.arrayContaining(['quality (gopher, gopher repetition)', 'perplexity']),
  );
});

test('the example of a mesh tells what a device keeps, and how a weight is cut', async () => {
  const told: unknown[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((value: unknown) => void told.push(value));
  await import(files[2] ?? '');
  log.mockRestore();
  expect(told).toEqual([expect.any(Number), ['fsdp', 'tensor']]);
});

test('the example of post-training loads', async () => {
  const { align } = (await import(files[3] ?? '')) as { align: unknown };
  expect(align).toBeTypeOf('function'); // minutes of training: chapter 9 runs such a one
});

test('the example of an ablation has its arms', async () => {
  const { default: norms } = (await import(files[4] ?? '')) as { default: Ablation };
  expect(norms.arms).toHaveLength(4);
  expect(norms.baseline).toBe('norm=rms, learningRate=0.003');
});
