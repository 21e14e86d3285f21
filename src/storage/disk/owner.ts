/**
 * Puts the owning process into the name of an unfinished file, so that leftovers of a killed process can be told from
 * files that another process is writing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { errnoOf } from '../../core/errors.js';

/** Several machines may share a folder, and a process number means something on one of them only. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** A process in a container often has the same number as the one that ran there before. */
const LIFE = randomBytes(4).toString('hex');
const OWNER = /^([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{8})-[0-9a-f]{16}$/;

/** Returns a new mark of this process. */
export function makeOwnerMark(): string {
  return `${HOST}-${process.pid}-${LIFE}-${randomBytes(8).toString('hex')}`;
}

/** Whether `mark` is that of a process of this machine that has ended. False for text that is no mark. */
export function isOwnerDead(mark: string): boolean {
  const [, host, pid, life] = OWNER.exec(mark) ?? [];
  if (host !== HOST) return false;
  return Number(pid) === process.pid ? life !== LIFE : !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

/** Whether `mark` is that of a process of this machine that runs. False for text that is no mark. */
export function isOwnerAlive(mark: string): boolean {
  return OWNER.exec(mark)?.[1] === HOST && !isOwnerDead(mark);
}

/** Whether `mark` is that of a process that runs, or of one on another machine, which may run. */
export function mayBeRunning(mark: string): boolean {
  return OWNER.test(mark) && !isOwnerDead(mark);
}
