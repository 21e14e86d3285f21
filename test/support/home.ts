/** Removes the home that vitest.config.ts gives to all tests of a run. */
import { rm } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';

export default function setup({ config }: TestProject): () => Promise<void> {
  const { FTX_HOME: home } = config.env;
  return async () => {
    if (typeof home === 'string') await rm(home, { recursive: true, force: true });
  };
}
