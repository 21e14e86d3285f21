/**
 * Marks what a process has made with the process that made it, so that leftovers of a killed process can be told from
 * files that another process is writing. A process number means something only within one start of the system and one
 * pid namespace, and there only together with the time at which the process began. A mark names all of them.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf } from '../../core/errors.js';

/**
 * `alive` and `dead` are certain. `elsewhere`: the owner ran in another pid namespace, on another machine or before the
 * last start of the system, and only signs of life tell whether it still runs. `none`: the text is no mark.
 */
export type OwnerState = 'alive' | 'dead' | 'elsewhere' | 'none';

interface Stat {
  readonly pid: number;
  readonly state: string;
  /** Clock ticks from the start of the system to the start of the process. */
  readonly began: string;
}

const ENDED = ['Z', 'X'];
const OWN_STAT = readStat('self');
const BEGAN = OWN_STAT?.began ?? '0';
/** False where /proc is missing or shows the processes of another pid namespace. */
const SEES_OTHERS = OWN_STAT?.pid === process.pid;
const WORLD = nameWorld();
const MARK = /^([0-9a-f]{16})-(\d{1,10})-(\d{1,20})-[0-9a-f]{16}$/;

/** Version 0.1.0 marked a process by the name of its machine, its number and a random number. */
const OLD_HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const OLD_MARK = /^([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}-[0-9a-f]{16}$/;
const TICKS_PER_SECOND = 100;

/** Returns a new mark of this process. */
export function makeOwnerMark(): string {
  // The last digits of a UUID are random, and Node draws many UUIDs at a time.
  const random = randomUUID().slice(-17).replace('-', '');
  return `${WORLD}-${process.pid}-${BEGAN}-${random}`;
}

/** Tells whether the process that made `mark` runs. `changedMs`: when the file with the mark last changed, in Unix time. */
export function findOwner(mark: string, changedMs = Infinity): OwnerState {
  const [, world, pid, began] = MARK.exec(mark) ?? [];
  if (world !== undefined) return world === WORLD ? findProcess(Number(pid), began ?? '') : 'elsewhere';
  const [, host, oldPid] = OLD_MARK.exec(mark) ?? [];
  if (host === undefined) return 'none';
  return host === OLD_HOST ? findOldProcess(Number(oldPid), changedMs) : 'elsewhere';
}

/** Whether the owner of the mark gives signs of life that other machines can see. Version 0.1.0 gives none. */
export function givesSigns(mark: string): boolean {
  return MARK.test(mark);
}

function findProcess(pid: number, began: string): OwnerState {
  if (!exists(pid)) return 'dead';
  const stat = SEES_OTHERS ? readStat(pid) : undefined;
  if (pid === process.pid) return began === BEGAN ? 'alive' : 'dead';
  // The system may hide the processes of other users.
  if (!stat) return 'elsewhere';
  return stat.began === began && !ENDED.includes(stat.state) ? 'alive' : 'dead';
}

/** A process that began after the file last changed has not made it: it only got the number of the one that has. */
function findOldProcess(pid: number, changedMs: number): OwnerState {
  if (!exists(pid)) return 'dead';
  const stat = SEES_OTHERS ? readStat(pid) : undefined;
  if (!stat) return 'elsewhere';
  const ranMs = Date.now() - changedMs;
  const runsMs = (1000 * (Number(BEGAN) - Number(stat.began))) / TICKS_PER_SECOND + process.uptime() * 1000;
  return !ENDED.includes(stat.state) && (changedMs === Infinity || runsMs > ranMs - 1000) ? 'alive' : 'dead';
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

function readStat(pid: number | 'self'): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program stands in brackets, and may hold spaces and brackets itself.
    const [state = '', ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid: parseInt(text), state, began: fields[18] ?? '' };
  } catch {
    return undefined;
  }
}

/** Names the start of the system and the namespaces in which process numbers and start times of this process count. */
function nameWorld(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const spaces = ['pid', 'time'].map((kind) => tryReadlink(`/proc/self/ns/${kind}`));
    if (!spaces[0] || !OWN_STAT) throw new Error('the process cannot be told from others');
    return createHash('sha256')
      .update(JSON.stringify([boot, ...spaces]))
      .digest('hex')
      .slice(0, 16);
  } catch {
    // Every other process then counts as one that runs elsewhere.
    return randomBytes(8).toString('hex');
  }
}

function tryReadlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
