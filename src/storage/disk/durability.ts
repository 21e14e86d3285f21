/** Whether stored entries survive a power cut. A receiver decides it once, for everything that it stores. */
import { constants, fsync } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf } from '../../core/errors.js';
import { openFileSystemSync } from './file-system-sync.js';
import { GroupSync, type GroupMember } from './group-sync.js';
import { descriptorOf, identify, type HeldFolder } from './held-folder.js';

export interface Durability {
  /** Call it before a file on this device is written, in the folder at `folder`. Undefined where each file is synced by itself. The caller has to leave. */
  join(device: string, folder: string): GroupMember | undefined;
  /** Makes the content and the attributes of a file durable, or those of a folder. `member`: together with others that wait. */
  file(file: { readonly fd: number; sync(): Promise<void> }, member?: GroupMember): Promise<void>;
  /** The same, of many files that are open. Throws when any of them may not be durable. */
  files(fds: readonly number[], member?: GroupMember): Promise<void>;
  /** The same, of an open descriptor. */
  descriptor(fd: number): Promise<void>;
  /** Makes the names in a folder durable. */
  folder(path: string): Promise<void>;
  /**
   * Makes a folder that was there, and its name in the folder at `parent`, durable: once in the life of this process,
   * because whoever made it may not have waited for the disk. `openUp` is called before that, and what it returns after.
   */
  found(folder: HeldFolder, parent: string, openUp: () => (() => void) | undefined): Promise<void>;
  /** Notes a folder that was made, and whose name is durable. */
  made(folder: HeldFolder): void;
}

/** Of Node, for calls that wait. */
const THREADS = 4;
/** Bounds the memory to about 10 MB. Beyond this number, the oldest folders are synced once more. */
const MAX_DURABLE = 100_000;
/** Process-wide, the oldest first: folders that are durable, with their names. */
const durable = new Set<string>();

export const DURABLE: Durability = {
  join: (device, folder) => findGroup(device, folder)?.join(),
  file: (file, member) => (member ? member.sync(() => file.sync()) : file.sync()),
  files: (fds, member) => (member ? member.sync(() => syncEach(fds), fds.length) : syncEach(fds)),
  descriptor: syncDescriptor,
  folder: syncFolder,
  async found(folder, parent, openUp) {
    if (durable.has(keyOf(folder))) return;
    const close = openUp();
    try {
      await Promise.all([folder.path, parent].map(syncIfReadable));
    } finally {
      close?.();
    }
    noteDurable(folder);
  },
  made: noteDurable,
};

/** Nothing is synchronised: the system writes to the disk when it likes. */
export const LEFT_TO_THE_SYSTEM: Durability = {
  join: () => undefined,
  file: () => Promise.resolve(),
  files: () => Promise.resolve(),
  descriptor: () => Promise.resolve(),
  folder: () => Promise.resolve(),
  found: () => Promise.resolve(),
  made: () => undefined,
};

/** Process-wide, by device, while files need them; undefined where there are none. The descriptor of each keeps the device from becoming another file system. */
const groups = new Map<string, GroupSync | undefined>();

function findGroup(device: string, folder: string): GroupSync | undefined {
  if (!groups.has(device)) {
    const all = openFileSystemSync(folder);
    groups.set(device, all && new GroupSync(all, () => groups.delete(device)));
  }
  return groups.get(device);
}

function noteDurable(folder: HeldFolder): void {
  durable.add(keyOf(folder));
  if (durable.size > MAX_DURABLE) durable.delete(durable.values().next().value ?? '');
}

function keyOf({ id, stats }: HeldFolder): string {
  return `${id} ${identify(stats)}`;
}

/** Whoever may walk through a folder may not always list it, and only who may list it can sync it. */
async function syncIfReadable(path: string): Promise<void> {
  try {
    await syncFolder(path);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
  }
}

interface Sync {
  readonly running: Promise<void>;
  /** The sync after this one, for callers that came while this one ran: it may have missed their names. */
  next?: Promise<void>;
}

/** Process-wide, by path: the syncs that somebody waits for. */
const syncs = new Map<string, Sync>();

/** Makes the names in a folder durable. All calls during one sync share the sync after it. */
export function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder as a file; NTFS journals its names itself.
  if (process.platform === 'win32') return Promise.resolve();
  const current = syncs.get(path);
  if (!current) return startSync(path);
  return (current.next ??= current.running.catch(() => undefined).then(() => startSync(path)));
}

function startSync(path: string): Promise<void> {
  const sync: Sync = {
    running: syncNow(path).finally(() => {
      if (!sync.next) syncs.delete(path);
    }),
  };
  syncs.set(path, sync);
  return sync.running;
}

async function syncNow(path: string): Promise<void> {
  const held = descriptorOf(path);
  try {
    await (held === undefined ? syncByPath(path) : syncDescriptor(held));
  } catch (error) {
    // Some file systems cannot synchronise a folder at all, and say so with these errors (see PostgreSQL's fsync_fname).
    if (!(held === undefined ? ['EINVAL', 'EBADF'] : ['EINVAL']).includes(errnoOf(error) ?? '')) throw error;
  }
}

async function syncByPath(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As many at the same time as Node has threads for. */
async function syncEach(fds: readonly number[]): Promise<void> {
  const left = fds.values();
  const syncSome = async () => {
    for (const fd of left) await syncDescriptor(fd);
  };
  // Nobody may close a descriptor while another one is being synchronised.
  const ends = await Promise.allSettled(Array.from({ length: THREADS }, syncSome));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Takes one trip to another thread. To open, synchronise and close takes three. */
function syncDescriptor(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fsync(fd, (error) => (error ? reject(error) : resolve())));
}
