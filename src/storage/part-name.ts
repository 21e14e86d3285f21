/** Names for what is not finished, which no entry can have. Each tells who is at it. */
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { isAlive } from './file-lock.js';
import { RESERVED_PREFIX } from './safe-path.js';

export const PART_SUFFIX = '.part';
/** Process numbers mean something on one machine only, and several may share a folder. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** In a container, whoever is started again has the number of the one before. */
const LIFE = randomBytes(4).toString('hex');
const NAME = /^([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{8})-[0-9a-f]{16}$/;

export function makePartName(): string {
  return `${RESERVED_PREFIX}${HOST}-${process.pid}-${LIFE}-${randomBytes(8).toString('hex')}${PART_SUFFIX}`;
}

/** Whether a process of this machine has made it that was killed since: nobody will ever finish or remove it. */
export function isAbandoned(name: string): boolean {
  if (!name.startsWith(RESERVED_PREFIX) || !name.endsWith(PART_SUFFIX)) return false;
  const [, host, pid, life] = NAME.exec(name.slice(RESERVED_PREFIX.length, -PART_SUFFIX.length)) ?? [];
  if (host !== HOST) return false;
  return Number(pid) === process.pid ? life !== LIFE : !isAlive(Number(pid));
}
