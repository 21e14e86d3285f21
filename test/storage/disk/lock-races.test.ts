/** Several that want one lock, with their steps on the disk in many orders: separate processes could come to each of them. */
import { existsSync } from 'node:fs';
import { lutimes, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { takeLock } from '../../../src/storage/disk/lock.js';
import { makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { removeOldParts } from '../../../src/storage/inbox/left-parts.js';
import { tempDir } from '../../support/folders.js';
import { DEAD_PID, giveTo } from '../../support/owners.js';

const HOUR_MS = 3_600_000;
const LOCK = '.ftx-0123456789abcdef.lock';

type Step = () => Promise<unknown>;

/** Says when a step is taken; it never fails, whatever comes of the step. */
const turns = vi.hoisted(() => ({ take: (step: Step) => step() }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<Record<string, (...args: unknown[]) => Promise<unknown>>>();
  const inTurn =
    (name: string) =>
    async (...args: unknown[]) => {
      let result: Promise<unknown> | undefined;
      await turns.take(() => (result = real[name]!(...args)).catch(() => undefined));
      return result;
    };
  return {
    ...real,
    ...Object.fromEntries(
      ['open', 'lstat', 'readlink', 'unlink', 'rename', 'link'].map((name) => [name, inTurn(name)]),
    ),
  };
});

async function leaveLock(path: string): Promise<void> {
  await symlink(giveTo(DEAD_PID, makeOwnerMark()), path);
}

/** Runs it with each step when the scheduler says so. */
async function inTurns(s: fc.Scheduler, work: () => Promise<unknown>): Promise<void> {
  turns.take = s.scheduleFunction((step: Step) => step());
  try {
    await s.waitFor(work());
  } finally {
    turns.take = (step) => step();
  }
}

async function inManyOrders(work: (s: fc.Scheduler, dir: string) => Promise<void>): Promise<void> {
  const root = await tempDir();
  const run = fc.asyncProperty(fc.scheduler(), async (s) => work(s, await mkdtemp(join(root, 'run-'))));
  await fc.assert(run, { numRuns: 300 });
}

it.each([
  ['is free', []],
  ['is left of one who was killed', ['']],
  ['is left of one who was killed, as is that of one who was taking it over', ['', '.lock']],
])('a lock that %s is taken, and never by two at once', (_, left) =>
  inManyOrders(async (s, dir) => {
    const lock = join(dir, LOCK);
    for (const suffix of left) await leaveLock(lock + suffix);
    let [owners, inside, most] = [0, 0, 0];
    const takeAndGiveBack = async () => {
      const held = await takeLock(lock);
      if (!held) return;
      owners += 1;
      most = Math.max(most, (inside += 1));
      await s.schedule(Promise.resolve());
      inside -= 1;
      await held.release();
    };
    await inTurns(s, () => Promise.all([takeAndGiveBack(), takeAndGiveBack(), takeAndGiveBack()]));
    expect(most).toBe(1);
    expect(owners).toBeGreaterThan(0);
    expect(await readdir(dir)).toEqual([]);
  }),
);

it('an old part is not removed while somebody is at it', () =>
  inManyOrders(async (s, dir) => {
    const [lock, part] = [join(dir, LOCK), join(dir, LOCK.replace('.lock', '.part'))];
    await leaveLock(lock);
    await writeFile(part, '');
    for (const file of [lock, part]) await lutimes(file, 1, 1);
    const use = async () => {
      const held = await takeLock(lock);
      if (!held) return;
      const wasThere = existsSync(part);
      await s.schedule(Promise.resolve());
      expect(existsSync(part)).toBe(wasThere);
      await held.release();
    };
    await inTurns(s, () => Promise.all([use(), removeOldParts(dir, HOUR_MS)]));
  }));
