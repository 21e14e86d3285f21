/** One process at a time: a file beside what it guards, with the number of the process that holds it. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { errnoOf, FtxError } from '../errors.js';

const POLL_MS = 20;
const WAIT_MS = 10_000;

/** Runs `work` while this process holds the lock. Throws FtxError `home` when another does not let go of it. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const token = `${process.pid} ${randomBytes(8).toString('hex')}`;
  await acquire(path, token);
  try {
    return await work();
  } finally {
    await unlink(path).catch(() => undefined);
  }
}

async function acquire(path: string, token: string): Promise<void> {
  const mine = `${path}.${token.replace(' ', '-')}`;
  await writeFile(mine, token, { mode: 0o600 });
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

/** A process that was killed leaves its lock behind. */
async function removeIfAbandoned(path: string): Promise<void> {
  const seen = await readToken(path);
  if (seen === undefined || isAlive(Number.parseInt(seen))) return;
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  // Another waiter may have removed it first and a third taken the lock since: that one is put back.
  if ((await readToken(aside)) !== seen) await link(aside, path).catch(() => undefined);
  await unlink(aside);
}

async function readToken(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
