/**
 * Folders held by a descriptor: a path through /proc/self/fd leads to the held
 * folder itself, whatever is renamed or planted on the way to it meanwhile.
 * Where there is no such thing, a folder is held by its path alone.
 */
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, statSync, type BigIntStats } from 'node:fs';
import { errnoOf } from '../../core/errors.js';
import { countSpareDescriptors } from './descriptors.js';
import type { Way } from './way.js';

export type { Ground, Way } from './way.js';

/** True on Linux, unless /proc is not to be had. */
export const HOLDS_BY_DESCRIPTOR = existsSync('/proc/self/fd');
/** Takes no right but to walk through the folder. Node has no name for it. */
const O_PATH = 0o10000000;
/** Folders that may stay open without need. */
const SPARE = countSpareDescriptors();

export interface HeldFolder {
  /** Leads to the folder, and nowhere else, as long as the folder is held. */
  readonly path: string;
  /** Device and inode. */
  readonly id: string;
  /** As the folder was when it was last looked for by its path. */
  readonly stats: BigIntStats;
}

/** What stands in the way of holding a folder: nothing, or anything that is none. */
export type Obstacle = 'missing' | 'other';

interface OpenFolder extends HeldFolder {
  stats: BigIntStats;
  readonly fd: number;
  /** Without the right to list it, it can be walked through, but not synchronised. */
  readonly canSync: boolean;
  uses: number;
}

/** Process-wide, by id: all who hold a folder share one descriptor, and so one path. */
const open = new Map<string, OpenFolder>();
const byPath = new Map<string, OpenFolder>();
/** Open folders that nobody holds now. They are kept for the next user; the one released first is closed first. */
const idle = new Set<OpenFolder>();

/** Holds what is at `path`, which is the last thing on the way that may be a link, and only if `followed`. */
export function holdFolder(path: string, followed = false): HeldFolder | Obstacle {
  const look = followed ? statSync : lstatSync;
  const stats = look(path, { bigint: true, throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats ? 'other' : 'missing';
  if (!HOLDS_BY_DESCRIPTOR) return { path, id: idOf(stats), stats };
  return useKnown(stats) ?? use(openFolder(path, followed));
}

/** Whether folders that are held without need should be released. */
export function isCrowded(): boolean {
  return open.size - idle.size > SPARE / 2;
}

/** The folder at the end of the way. Throws like the system when there is none, or a link on the way. */
export function holdWay(way: Way): HeldFolder {
  const known = holdKnown(way);
  if (known) return known;
  let folder = holdRoot(way.root);
  for (const component of way.components) {
    const from = folder;
    try {
      folder = expectFolder(holdFolder(`${from.path}/${component}`));
    } finally {
      releaseFolder(from);
    }
  }
  return folder;
}

/** Its user may have put a link there. */
export function holdRoot(root: string): HeldFolder {
  return expectFolder(holdFolder(root, true));
}

export function expectFolder(found: HeldFolder | Obstacle): HeldFolder {
  if (typeof found === 'object') return found;
  throw Object.assign(new Error('the folder is gone'), { code: found === 'missing' ? 'ENOENT' : 'ENOTDIR' });
}

/** The folder at the end of the way, if it was held a moment ago. That is half of the work of holdWay. */
export function holdKnown(way: Way): HeldFolder | undefined {
  try {
    let path = way.root;
    for (const component of way.components.slice(0, -1)) {
      path += `/${component}`;
      if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
    }
    const stats = lookForFolder(way);
    return stats && useKnown(stats);
  } catch {
    // Whoever walks there finds out why.
    return undefined;
  }
}

/** Looks at the folder at the end of the way; undefined when there is none, or a link. */
export function lookForFolder({ root, components }: Way): BigIntStats | undefined {
  const look = components.length === 0 ? statSync : lstatSync;
  const stats = look([root, ...components].join('/'), { bigint: true, throwIfNoEntry: false });
  return stats?.isDirectory() ? stats : undefined;
}

/** Whether the way still leads to the held folder, which is then looked at anew. */
export function isStillAt(way: Way, held: HeldFolder): boolean {
  const stats = lookForFolder(way);
  if (!stats || idOf(stats) !== held.id) return false;
  const folder = open.get(held.id);
  if (folder) folder.stats = stats;
  return true;
}

/** To be called after the mode of a folder was changed: whoever holds the folder sees that. */
export function lookAgain(id: string): void {
  const folder = open.get(id);
  if (folder) folder.stats = fstatSync(folder.fd, { bigint: true });
}

/** Holds a folder that is held already once more. */
export function holdAgain(held: HeldFolder): HeldFolder {
  const folder = open.get(held.id);
  return folder ? use(folder) : held;
}

/** Holds whatever is at the path, and follows no link. Takes no right on it. Linux only. */
export function holdAnything(path: string): { path: string; stats: BigIntStats; release(): void } {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  return {
    path: `/proc/self/fd/${fd}`,
    stats: fstatSync(fd, { bigint: true }),
    release: () => closeFolder(fd),
  };
}

/** How many hold the folder with this id now. */
export function countHolders(id: string): number {
  return open.get(id)?.uses ?? 0;
}

/** Uses a folder that is open already. */
function useKnown(stats: BigIntStats): HeldFolder | undefined {
  const folder = open.get(idOf(stats));
  if (!folder) return undefined;
  folder.stats = stats;
  return use(folder);
}

function use(folder: OpenFolder): HeldFolder {
  folder.uses += 1;
  idle.delete(folder);
  return folder;
}

function openFolder(path: string, followed: boolean): OpenFolder {
  const { fd, canSync } = openDescriptor(path, constants.O_DIRECTORY | (followed ? 0 : constants.O_NOFOLLOW));
  // It may be another one than was there a moment ago.
  const stats = fstatSync(fd, { bigint: true });
  const id = idOf(stats);
  const known = open.get(id);
  if (known) {
    closeFolder(fd);
    return known;
  }
  const folder = { path: `/proc/self/fd/${fd}`, id, stats, fd, canSync, uses: 0 };
  open.set(id, folder);
  byPath.set(folder.path, folder);
  return folder;
}

function openDescriptor(path: string, flags: number): Pick<OpenFolder, 'fd' | 'canSync'> {
  try {
    return { fd: openSync(path, constants.O_RDONLY | flags), canSync: true };
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    return { fd: openSync(path, O_PATH | flags), canSync: false };
  }
}

/** The descriptor behind the path of a held folder, if it can be synchronised. */
export function descriptorOf(path: string): number | undefined {
  const folder = byPath.get(path);
  return folder?.canSync ? folder.fd : undefined;
}

/** Call once for each time the folder was held. */
export function releaseFolder(held: HeldFolder): void {
  const folder = open.get(held.id);
  if (!folder) return;
  folder.uses -= 1;
  if (folder.uses > 0) return;
  idle.add(folder);
  // No folder is kept once none is held, so that its disk can be unmounted.
  const keep = idle.size === open.size ? 0 : SPARE - (open.size - idle.size);
  for (const oldest of idle) {
    if (idle.size <= keep) return;
    idle.delete(oldest);
    open.delete(oldest.id);
    byPath.delete(oldest.path);
    closeFolder(oldest.fd);
  }
}

/** Tells a file or folder from another one that gets its name, or its inode, later. */
export function identify({ ino, birthtimeNs }: BigIntStats): string {
  return `${ino}:${birthtimeNs}`;
}

/** Device and inode, as the id of a held folder has them. */
export function idOf({ dev, ino }: BigIntStats): string {
  return `${dev.toString()}:${ino.toString()}`;
}

/** What is told of a folder at its close takes nothing from the files in it, which are durable by then. */
function closeFolder(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The descriptor is free all the same.
  }
}
