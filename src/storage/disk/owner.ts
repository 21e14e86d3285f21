/** Who has made a file that is not finished, in its name: so what a killed process leaves can be told from what another is at. */
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { errnoOf } from '../../core/errors.js';

/** Process numbers mean something on one machine only, and several may share a folder. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** In a container, whoever is started again has the number of the one before. */
const LIFE = randomBytes(4).toString('hex');
const OWNER = /^([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{8})-[0-9a-f]{16}$/;

/** Never twice the same. */
export function makeOwnerMark(): string {
  return `${HOST}-${process.pid}-${LIFE}-${randomBytes(8).toString('hex')}`;
}

/** Whether it is the mark of a process of this machine that has ended; false for what is no mark. */
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

/** Whether it is the mark of a process of this machine that runs; false for what is no mark. */
export function isOwnerAlive(mark: string): boolean {
  return OWNER.exec(mark)?.[1] === HOST && !isOwnerDead(mark);
}

/** Whether it is the mark of a process that runs, or that cannot be known to have ended. */
export function mayBeRunning(mark: string): boolean {
  return OWNER.test(mark) && !isOwnerDead(mark);
}
