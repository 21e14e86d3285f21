/** Random attacks on a receiver with a folder behind it: nothing beside the folder changes, and no part is left in it. */
import { mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { createFileSink } from '../../src/storage/inbox/file-sink.js';
import { readTree, tempDir } from '../support/folders.js';
import { attackDisk } from './attacks.js';
import { createDice } from './dice.js';
import { digestOf, lastDigests } from './harness.js';

const SECONDS = Number(process.env['FTX_FUZZ_SECONDS'] ?? 1.5);
const SEED = process.env['FTX_FUZZ_SEED'];
const POLICIES = ['rename', 'overwrite', 'skip', 'fail'] as const;

async function makeNeighbourhood() {
  const parent = await tempDir();
  const dir = join(parent, 'inbox');
  await mkdir(dir);
  await mkdir(join(parent, 'a'));
  await writeFile(join(parent, 'a', 'precious'), 'precious');
  await writeFile(join(parent, 'b'), 'precious');
  await symlink('../a', join(dir, 'd'));
  await symlink('../b', join(dir, 'b'));
  return { parent, dir };
}

const beside = (tree: Awaited<ReturnType<typeof readTree>>) =>
  tree.filter(({ path }) => path !== 'inbox' && !path.startsWith('inbox/'));

it('leaves everything beside the folder as it is', { timeout: 60_000 + 2_000 * SECONDS }, async () => {
  const deadline = performance.now() + 1000 * SECONDS;
  const first = SEED === undefined ? (Math.random() * 2 ** 31) | 0 : Number(SEED);
  for (let seed = first; performance.now() < deadline;) {
    const { parent, dir } = await makeNeighbourhood();
    const before = beside(await readTree(parent));
    for (let round = 0; round < 10; round++, seed++) {
      const dice = createDice(seed);
      const sink = createFileSink({ dir, onConflict: dice.pick(POLICIES), maxSize: 2 ** 21 });
      const events = await attackDisk(dice, sink);
      const message = `FTX_FUZZ_SEED=${seed - round}`;
      const inside = await readTree(dir);
      expect(beside(await readTree(parent)), message).toEqual(before);
      expect(
        inside.filter(({ path }) => path.includes('.ftx-')),
        message,
      ).toEqual([]);
      for (const { path, kind } of inside) if (kind === 'symlink') await expectInside(dir, path, message);
      for (const [as, digests] of lastDigests(events)) {
        if (!digests.has(null)) expect(digests, message).toContain(digestOf(await readFile(join(dir, as))));
      }
    }
  }
});

async function expectInside(dir: string, path: string, message: string): Promise<void> {
  if (path === 'd' || path === 'b') return;
  const leads = relative(dir, resolve(dirname(join(dir, path)), await readlink(join(dir, path))));
  expect(leads.startsWith('..'), message).toBe(false);
}
