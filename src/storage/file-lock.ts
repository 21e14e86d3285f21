/** One process at a time: a file beside what it guards, with the mark of the process that holds it. */
import { link, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { errnoOf, FtxError } from '../errors.js';
import { isOwnerGone, makeOwnerMark } from './owner.js';

const POLL_MS = 20;
const WAIT_MS = 10_000;

/** Runs `work` while this process holds the lock. Throws FtxError `home` when another does not let go of it. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await acquire(path);
  try {
    return await work();
  } finally {
    await unlink(path).catch(() => undefined);
  }
}

/** Removes the files in a folder that somebody who was killed was about to give their names: they end in a dot and his mark. */
export async function removeAbandoned(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const abandoned = names.filter((name) => isOwnerGone(extname(name).slice(1)));
  await Promise.all(abandoned.map((name) => unlink(join(folder, name)).catch(() => undefined)));
}

async function acquire(path: string): Promise<void> {
  const mark = makeOwnerMark();
  const mine = `${path}.${mark}`;
  await removeAbandoned(dirname(path));
  await writeFile(mine, mark, { mode: 0o600 });
  try {
    const deadline = performance.now() + WAIT_MS;
    while (!(await claim(mine, path))) {
      await removeIfAbandoned(path);
      if (performance.now() > deadline)
        throw new FtxError('home', `${path} is held by another ftx for too long. Try again; if none is running, remove it.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    await unlink(mine).catch(() => undefined);
  }
}

/** A link, so that the lock is never seen without its content. */
async function claim(mine: string, path: string): Promise<boolean> {
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** A process that was killed leaves its lock behind, and a power cut one without content. */
async function removeIfAbandoned(path: string): Promise<void> {
  const seen = await readMark(path);
  if (seen === undefined || !(seen === '' || isOwnerGone(seen))) return;
  const aside = `${path}.${makeOwnerMark()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  // Another waiter may have removed it first and a third taken the lock since: that one is put back.
  if ((await readMark(aside)) !== seen) await link(aside, path).catch(() => undefined);
  await unlink(aside);
}

async function readMark(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
