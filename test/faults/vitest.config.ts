import { defineConfig } from 'vitest/config';
import common from '../../vitest.config.js';

/** `npm run test:faults`, from the top of the repository. */
export default defineConfig({
  test: { ...common.test, include: ['test/faults/**/*.faults.ts'], maxWorkers: 3, testTimeout: 120_000 },
});
