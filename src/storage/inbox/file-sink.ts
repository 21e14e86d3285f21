/**
 * The receive folder as a Sink: one per session, all of them over one folder.
 *
 * The life of a file, from the offer to its final name:
 *
 * 1. Offer. `open` counts the entry against --max-files. open-file.ts has names/safe-path check the path and refuses a
 *    file that is too large. A refusal leaves nothing behind.
 * 2. Place. folders.ts walks down from the receive folder (entrance.ts), holds each folder by a descriptor
 *    (disk/held-folder) and follows no link. Folders that are missing are made, private and durable, and made-folders.ts
 *    remembers who made them, in the ledger too. If the file does not come, those that nothing else uses are removed.
 *    unproven-folders.ts bounds how many stand for entries that have not come.
 *    A folder whose mode closes it for writing is open while the part is made, and from the commit to its end
 *    (open-up.ts). One that this user may not look into is open for that as long as an entry is on its way into it.
 * 3. Decision. names/conflict looks at what stands under the name: receive the file, refuse it, compare its content as it
 *    comes with the file that is there (comparing-part.ts), or have the sender prove that its content is the same
 *    (present-file.ts).
 * 4. Part file. resumable-part.ts opens a part file that a later session of the same peer can go on with. A lock, a
 *    journal and the blocks that are durable already belong to it. For a small file, a stream or an unknown peer,
 *    part-file.ts makes a part file that ends with the session. quota.ts and space.ts then refuse a file that the
 *    folder or the disk has no room for.
 * 5. Blocks. Each write passes space.ts, quota.ts, place.ts and resumable-part.ts, is counted, and reaches the disk
 *    through part-file.ts, disk/extent, which leaves out pages of zeros, and disk/block-writer. It is not durable yet. checkpoints.ts syncs a resumable part file every
 *    32 blocks or every second, and only then records them in the journal. After a failed write the file can no longer
 *    be committed; `discard` removes it, `suspend` keeps what the journal knows. A killed process leaves part, journal
 *    and lock: the same peer goes on with them, or left-parts.ts removes them.
 *    Parts that were kept because the room had ended give way to a write that finds none (yielding-parts.ts).
 * 6. Commit. A file that stands there with the very content that has arrived is `already` there (same-content.ts), and
 *    the part file goes. Otherwise commit.ts sets mode and time, syncs the file, or waits until disk/group-sync has synced
 *    it together with others, checks that the part's name still leads to it, and closes it: the content is durable, under a name that no entry can have. It then links the final name,
 *    removes the part's name and syncs the folder: the file is stored. Until the link, a failure leaves no final name;
 *    if the last sync fails, the name is taken back, except where it replaced an older file. After a power cut the name
 *    stands for the whole file, or for what it stood for before. At last announce.ts opens the file by its final name
 *    and closes it again, which is the event that watchers of the folder wait for; nothing happens to the file after it.
 * 7. Release. Journal and lock are removed, the reserved space and the folder are released, and `commit` resolves with
 *    the path the file has got. Only then does the session say "stored". `finish`, after the sender's goodbye, gives
 *    folders that were made on the way and never offered the mode of any new folder.
 *
 * Many small files whose content is here already take these steps together (together.ts), as long as there is nothing to
 * decide: a file whose name is free, for which there is room. Each other file of them goes the way above.
 *
 * Folders and links have no content: placing.ts makes them at once, and they are durable when `place` resolves. With
 * `sync: false` all steps are the same, but none waits for the disk, and nothing counts as durable.
 *
 * All sessions of the process share these, each declared in the file that is named:
 * - disk/held-folder `open`, `byPath`, `idle`: the descriptors of folders, one for each folder
 * - disk/stillness `firstSeen`: since when locks of processes elsewhere are seen unchanged
 * - disk/durability `syncs`, `durable`, `groups`: folders that are being synced, so that many commits share one sync;
 *   folders whose names are durable; small files that wait to be durable, by file system
 * - names/free-name `queues`: searches for a free number, one at a time for each name
 * - names/same-names `namesKept`: how many names the lists under way have in memory
 * - inbox/entrance `underWay`: folders that are being made
 * - inbox/open-up `open`: files and folders that their mode closes to this user, and that are open for the moment
 * - inbox/folders `places`: how many entries are on their way into a folder
 * - inbox/made-folders `unfinished`, `finished`, `secret`: who made which folder, and whether it has its mode and time
 * - inbox/part-claims `inUse`: part files that a session has open
 * - inbox/together `turns`, `thread`: batches of small files, and the thread that works at them
 * - inbox/commit `lastRename`: renames on file systems without hard links, one at a time
 * - source/file-source `disk`: whether the disk of the sent files answers promptly
 */
import { randomUUID } from 'node:crypto';
import type { Entry } from '../../core/entry.js';
import type { Placed, Sink, Vouched } from '../../core/sink.js';
import { diskError } from '../disk/disk-error.js';
import { DURABLE, LEFT_TO_THE_SYSTEM } from '../disk/durability.js';
import type { ConflictPolicy } from '../names/conflict.js';
import type { Fold } from '../names/same-names.js';
import type { Deliveries } from './deliveries.js';
import { createEntryRoom } from './entry-room.js';
import { createFolders, type Folders } from './folders.js';
import type { Ledger } from './ledger.js';
import { createMadeFolders } from './made-folders.js';
import { openFile, unsupportedError } from './open-file.js';
import { placeDirectory, placeLink } from './placing.js';
import { createPlan, tooManyError } from './plan.js';
import type { Quota } from './quota.js';
import type { Space } from './space.js';
import { createTogether, type EntryCounter } from './together.js';
import type { createUnprovenFolders } from './unproven-folders.js';
import type { YieldingParts } from './yielding-parts.js';

export type { ConflictPolicy } from '../names/conflict.js';

export interface FileSinkOptions {
  /** The receive folder. Absolute, as prepareFolder returns it. */
  readonly dir: string;
  readonly onConflict: ConflictPolicy;
  /** The size of the largest file, in bytes; Infinity for no limit. */
  readonly maxSize: number;
  /** The sender. Only the same peer goes on with a part file. Without a peer, no part file is kept. */
  readonly peer?: string;
  /** Whether the sender may learn that a file is there which it did not bring. Default: it may not. */
  readonly isKnown?: boolean;
  /** What this sender has brought before. Without it nothing is remembered. */
  readonly deliveries?: Deliveries | undefined;
  /** Knows the makers of folders. Without it, only this process knows them. */
  readonly ledger?: Ledger | undefined;
  /** The free space of the disk. Without it, files are received until the disk is full. */
  readonly space?: Space;
  /** Whether an entry counts as stored only once it is on the disk. Default true. */
  readonly sync?: boolean | undefined;
  /** The bytes that the folder may hold. Without it, the folder may fill the disk. */
  readonly quota?: Quota | undefined;
  /** Bounds the folders that stand for entries which have not come. Without it, there may be any number. */
  readonly unproven?: ReturnType<typeof createUnprovenFolders> | undefined;
  /** Parts that give way. Without it, none does. */
  readonly parts?: YieldingParts | undefined;
  /** Files, links and folders that one session may bring. Default: any number. */
  readonly maxFiles?: number;
  /** The permission bits of all new files. Without it, those of the offers count. */
  readonly fileMode?: number | undefined;
  /** The permission bits of all new folders. Without it, those of the offers count. */
  readonly dirMode?: number | undefined;
  /** Throws FtxError `io` when the folder is another one than at the start. Without it nobody looks. */
  readonly assertSameInbox?: (() => void) | undefined;
  /** Maps the spellings that the folder takes for the same name to one text. Without it, each spelling is a name of its own. */
  readonly fold?: Fold | undefined;
}

const NOTHING: Vouched = { canProve: false };

/**
 * Makes the Sink of one session over a folder. The Sink remembers which folders its sender has made, because only those
 * take the mode and time of their offer.
 */
export function createFileSink(options: FileSinkOptions): Sink {
  const { dir, peer, ledger, fileMode, dirMode, maxFiles = Infinity, sync = true, isKnown = false } = options;
  // Without a peer, only this session finishes the folders that it makes.
  const made = createMadeFolders(dir, peer ?? randomUUID(), { dirMode, ...(peer !== undefined && { ledger }) });
  const limits = { space: options.space?.join(), quota: options.quota };
  const room = createEntryRoom(limits);
  const durability = sync ? DURABLE : LEFT_TO_THE_SYSTEM;
  const folders = createFolders({
    root: dir,
    durability,
    made,
    room,
    assertSameInbox: options.assertSameInbox,
    unproven: options.unproven?.join(),
  });
  const session = { ...options, ...limits, isKnown, maxFiles, folders, room };
  const counter = createCounter(maxFiles, folders);
  const together = createTogether({ ...session, durability, counter });
  let lastFolder: Promise<unknown> = Promise.resolve();

  // Folders are made in the order of their offers, because making a folder changes the time of its parent.
  function placeFolder(offer: Entry, signal: AbortSignal | undefined): Promise<Placed> {
    const placed = lastFolder.then(() => placeDirectory(session, offer, signal));
    lastFolder = placed.catch(() => undefined);
    return placed;
  }

  return {
    isDurable: sync,
    plan: (isDryRun) => createPlan(session, isDryRun),
    open: (offer, vouched = NOTHING, signal) =>
      explain(offer, () => {
        options.assertSameInbox?.();
        counter.add(offer);
        return openFile(session, { ...offer, mode: chooseFileMode(offer, fileMode) }, vouched, signal);
      }),
    ...(together && { storeTogether: together }),
    place: (offer, signal) =>
      explain(offer, () => {
        options.assertSameInbox?.();
        counter.add(offer);
        if (offer.kind === 'directory') return placeFolder(offer, signal);
        if (offer.kind === 'symlink') return placeLink(session, offer, signal);
        throw unsupportedError(offer);
      }),
    finish: () => folders.finish(),
  };
}

/** A stream has no mode of its own, whatever its offer says. */
function chooseFileMode({ size, mode }: Entry, fileMode: number | undefined): number | null {
  return fileMode ?? (size === null ? null : mode);
}

/**
 * Counts the offers of a session. Of the folders that were offered and those that were made, the larger number counts: one
 * deep path makes many folders.
 */
function createCounter(maxFiles: number, folders: Folders): EntryCounter {
  let directories = 0;
  let others = 0;
  return {
    add({ kind }) {
      const [more, otherMore] = kind === 'directory' ? [1, 0] : [0, 1];
      if (others + otherMore + Math.max(directories + more, folders.made.count) > maxFiles)
        throw tooManyError(maxFiles);
      directories += more;
      others += otherMore;
    },
    takeBackFile: () => void (others -= 1),
  };
}

async function explain<T>(offer: Entry, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, offer.path);
  }
}
