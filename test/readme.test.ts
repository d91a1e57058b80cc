import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import ts from 'typescript';
import { afterAll, expect, test } from 'vitest';

// The README's example compiles as a user's file does, and runs.

const root = resolve(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);

mkdirSync(join(root, 'runs'), { recursive: true });
const folder = mkdtempSync(join(root, 'runs', '.readme-')); // within the project, where its packages are found
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('the example’s types hold', () => {
  const file = join(folder, 'example.ts');
  writeFileSync(file, `${examples.join('\n')}\nexport { loss };\n`);
  const { config } = ts.readConfigFile(join(root, 'experiments/tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, join(root, 'experiments'));
  const program = ts.createProgram([file], { ...options, noEmit: true });
  const messages = ts
    .getPreEmitDiagnostics(program, program.getSourceFile(file))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  expect(messages).toEqual([]);
}, 60_000);

test('the example runs: zeros that should be ones have loss 1', async () => {
  expect(examples).toHaveLength(1);
  const { loss } = (await import(join(folder, 'example.ts'))) as { loss: tf.Scalar };
  expect(loss.dataSync()[0]).toBe(1);
});
