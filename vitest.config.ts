import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Two projects: tests that load libtensorflow share two long-lived processes (loading costs 0.5 s and much memory);
// all others are isolated as usual.
const engineTests = ['test/{engine,model,train,evaluate,serve,quickstart}/**/*.test.ts'];

// Experiments import the package by its name; here that is its source.
const alias = { trainbook: fileURLToPath(new URL('src/index.ts', import.meta.url)) };

export default defineConfig({
  resolve: { alias },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ['test/property-seed.ts'],
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
