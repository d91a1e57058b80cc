/**
 * tfjs-core's own test suite (its npm package ships it) on our binding. Bundled by `run.mjs`: the suite is ESM without file
 * extensions, and the suite, the kernels and the binding must share one tfjs-core.
 */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import '../../../src/engine/removed-from-node.js';
import { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import '@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js';
import { Binding } from '../../../src/engine/binding.js';
import { registerOwnKernels } from '../../../src/engine/kernels.js';
import { findLibrary } from '../../../src/engine/library.js';
import { Context } from '../../../src/engine/tensorflow/context.js';
import { exclusions } from './exclusions.js';
// @ts-expect-error -- jasmine 3 has no types of its own
import UntypedJasmine from 'jasmine';

const library = findLibrary();
if (library === undefined) throw new Error('libtensorflow was not found: npx trainbook setup');
const context = new Context(library);
const binding = new Binding(() => context);
tf.registerBackend(
  'tensorflow',
  () => {
    const backend = new NodeJSKernelBackend(binding as never, 'tensorflow');
    registerOwnKernels(binding, backend as never);
    return backend;
  },
  3,
);
await tf.setBackend('tensorflow');
setTestEnvs([{ name: 'test-tensorflow', backendName: 'tensorflow', flags: {}, isDataSync: true }]);

interface SpecResult {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'excluded' | 'pending';
  readonly failedExpectations: readonly { readonly message: string }[];
}

/** What we use of jasmine 3. */
interface Runner {
  loadConfig(config: object): void;
  execute(): void;
}
const Jasmine = UntypedJasmine as new () => Runner;
const runner = new Jasmine();
runner.loadConfig({ spec_files: [], random: false });
await import('@tensorflow/tfjs-core/dist/tests.js');
const env = jasmine.getEnv();
const used = new Set<string>();
env.configure({
  specFilter: (spec: { getFullName(): string }) => {
    const name = spec.getFullName();
    const exclusion =
      process.env.ALL === undefined ? exclusions.find(({ pattern }) => name.includes(pattern)) : undefined;
    if (exclusion !== undefined) used.add(exclusion.pattern);
    return exclusion === undefined;
  },
});
env.clearReporters();
let passed = 0;
const failures: string[] = [];
env.addReporter({
  specDone(result: SpecResult) {
    if (result.status === 'passed') passed++;
    if (result.status === 'failed')
      failures.push(`${result.fullName}: ${result.failedExpectations[0]?.message.slice(0, 300) ?? ''}`);
  },
  jasmineDone() {
    const unused = exclusions.map(({ pattern }) => pattern).filter((pattern) => !used.has(pattern));
    process.stdout.write(`\n${JSON.stringify({ passed, failures, unusedExclusions: unused })}\n`, () =>
      process.exit(0),
    );
  },
} as never);
runner.execute();

declare const jasmine: {
  getEnv(): { configure(options: object): void; clearReporters(): void; addReporter(reporter: never): void };
};
