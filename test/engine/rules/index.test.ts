import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { rules } from '../../../src/engine/rules/index.js';

/** Where tfjs-node's kernels name the TensorFlow op they run: `executeSingleOutput(tfjs_1.Add, …` or `('Mul', …`. */
const call = /execute(?:SingleOutput|SingleInput|MultipleOutputs)\((?:tfjs_1\.|tf\.)?('?)(\w+)\1,/g;

/** Every op that tfjs-node's JavaScript can run. */
function opsOfTfjs(): readonly string[] {
  const folder = dirname(
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js'),
  );
  const files = [
    ...readdirSync(join(folder, 'kernels')).map((name) => join('kernels', name)),
    'nodejs_kernel_backend.js',
  ];
  const ops = new Set<string>();
  for (const file of files.filter((name) => name.endsWith('.js'))) {
    for (const [, quote, name] of readFileSync(join(folder, file), 'utf8').matchAll(call)) {
      if (name === undefined || name === 'name') continue;
      const resolved = quote === '' ? (tf as unknown as Record<string, unknown>)[name] : name;
      if (typeof resolved !== 'string') throw new Error(`${file} runs ${name}, which is no op name`);
      ops.add(resolved);
    }
  }
  return [...ops].sort();
}

/** Ops without a rule: they write files. Nothing of them belongs into a compiled function. */
const withoutRule = ['CreateSummaryFileWriter', 'FlushSummaryWriter', 'SummaryWriter'];

describe('rules', () => {
  it('cover what tfjs can run', () => {
    const ops = opsOfTfjs();
    expect(ops.length).toBeGreaterThan(140);
    expect(ops.filter((op) => rules[op] === undefined)).toEqual(withoutRule);
  });
});
