/** The system's names for its errors. libuv, under Node, has none for some that disks report: EDQUOT, ESTALE and others. */
import { constants } from 'node:os';
import { errnoOf } from '../../core/errors.js';

/** Linux numbers that neither libuv nor Node can name. */
const LINUX: readonly (readonly [number, string])[] = [
  [117, 'EUCLEAN'],
  [121, 'EREMOTEIO'],
  [108, 'ESHUTDOWN'],
  [112, 'EHOSTDOWN'],
  [123, 'ENOMEDIUM'],
  [124, 'EMEDIUMTYPE'],
  [126, 'ENOKEY'],
  [127, 'EKEYEXPIRED'],
  [128, 'EKEYREVOKED'],
  [131, 'ENOTRECOVERABLE'],
  [133, 'EHWPOISON'],
];

/** EAGAIN and ENOTSUP have second names with the same number. The later entry of a Map wins, so the first name comes last. */
const NAMES: ReadonlyMap<number, string> = new Map([
  ...(process.platform === 'linux' ? LINUX : []),
  ...Object.entries(constants.errno)
    .map(([name, number]) => [number, name] as const)
    .reverse(),
]);

/** Returns the name of a system error (`EDQUOT`), also where Node gives a number alone; undefined if it is no system error. */
export function diskErrnoOf(error: unknown): string | undefined {
  const name = errnoOf(error);
  if (name !== undefined && /^E[A-Z0-9]+$/.test(name)) return name;
  const number = numberOf(error);
  return number === undefined ? name : (NAMES.get(number) ?? name);
}

/** A few words, for brackets, about a system error that has no sentence of its own: its name, or its number. */
export function nameDiskFailure(error: unknown): string {
  const name = diskErrnoOf(error);
  if (name !== undefined && /^E[A-Z0-9]+$/.test(name)) return name;
  const number = numberOf(error);
  if (number !== undefined) return `error ${number}`;
  return name === undefined && error instanceof Error ? error.message : 'no reason that has a name';
}

/** Node counts errors downwards from 0, and the system upwards. */
function numberOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error)) return undefined;
  return typeof error.errno === 'number' ? Math.abs(error.errno) : undefined;
}

const NO_HARD_LINKS: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Whether link(2) has failed because the file system has no hard links, or no more for this file. */
export function isWithoutLinks(error: unknown): boolean {
  return NO_HARD_LINKS.includes(errnoOf(error));
}
