import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/home.ts'],
    // No test knows, or makes, the identity of the user who runs it.
    env: { FTX_HOME: join(tmpdir(), `ftx-test-home-${process.pid}`) },
    // Most of the time a test waits for a process, a disk or a deadline.
    maxWorkers: 4,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
