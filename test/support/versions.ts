/** Earlier versions of ftx, as they were published. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from './processes.js';

export interface Version {
  /** The path of its program. */
  readonly main: string;
  remove(): Promise<void>;
}

/**
 * Unpacks `fixtures/versions/ftx-NUMBER.tgz`. The folder lies below node_modules, so that the program finds its
 * dependencies: those of this repository, and no network is needed.
 */
export async function unpackVersion(number: string): Promise<Version> {
  const cache = join(repository, 'node_modules/.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, `ftx-${number}-`));
  execFileSync('tar', ['-xzf', join(repository, `fixtures/versions/ftx-${number}.tgz`), '-C', folder]);
  return { main: join(folder, 'package/dist/cli/main.js'), remove: () => rm(folder, { recursive: true, force: true }) };
}
