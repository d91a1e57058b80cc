import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Two projects: tests that load libtensorflow share two long-lived processes (loading costs 0.5 s and much memory);
// all others are isolated as usual.
const engineTests = ['test/{engine,model,train,evaluate,serve,quickstart}/**/*.test.ts'];

/** What takes minutes begins first: at the end it would run alone, beside an idle core. */
const longest = ['commands/bench.test.ts', 'checkpoints/kills.test.ts', 'quickstart/quickstart.test.ts'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(name));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

// Experiments import the package by its name; here that is its source.
const alias = { trainbook: fileURLToPath(new URL('src/index.ts', import.meta.url)) };

export default defineConfig({
  resolve: { alias },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ['test/property-seed.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: { name: 'engine', include: engineTests, isolate: false, pool: 'forks', maxWorkers: 2 },
      },
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: engineTests, pool: 'forks', maxWorkers: 2 },
      },
    ],
  },
});
