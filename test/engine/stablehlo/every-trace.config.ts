import { mergeConfig } from 'vitest/config';
import base from '../../../vitest.config.js';

/** The tests' own configuration, with every trace lowered: see `every-trace.ts`. */
export default mergeConfig(base, { test: { setupFiles: ['test/engine/stablehlo/every-trace.ts'] } });
