/** The receive folder as an Inbox. Its sessions share quota and free space, and old broken transfers are removed. */
import { isFingerprint } from '../../core/fingerprint.js';
import type { Bringer, Inbox } from '../../core/inbox.js';
import { RENEW_MS } from '../disk/lock.js';
import { DEAD_MS } from '../disk/stillness.js';
import { probeFold } from '../names/same-names.js';
import { createDeliveries } from './deliveries.js';
import { createFileSink } from './file-sink.js';
import { cleanParts, listParts } from './left-parts.js';
import { closeLeftOpen } from './left-open.js';
import { DEFAULT_MAX_BYTES, openLedger } from './ledger.js';
import { prepareFolder } from './prepare-folder.js';
import { createQuota } from './quota.js';
import { watchInbox } from './same-inbox.js';
import { createSpace } from './space.js';
import { createUnprovenFolders } from './unproven-folders.js';
import { createYieldingParts } from './yielding-parts.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** The delivery ledger takes at most one of so many parts of the quota: what it remembers is worth less than files. */
const LEDGER_PARTS = 16;

export interface FolderInboxOptions {
  /** The receive folder, which is made if it is missing. */
  readonly dir: string;
  /** The size of the largest file, in bytes. */
  readonly maxSize: number;
  /** Files, links and folders that one session may bring. */
  readonly maxFiles: number;
  /** Bytes that the folder may hold, including the files that are there already; undefined if only the disk limits it. */
  readonly quota: number | undefined;
  /** Whether an entry counts as stored only once it is on the disk. */
  readonly sync: boolean;
  /** Milliseconds after which a broken transfer that nobody has gone on with is removed. */
  readonly keepPartsMs: number;
  /** Whether the inbox remembers who brought what. */
  readonly ledger: boolean;
  /** The permission bits of all new files, and those of all new folders. Without them, those of the offers count. */
  readonly fileMode?: number | undefined;
  readonly dirMode?: number | undefined;
}

export interface FolderInbox extends Inbox {
  /** The receive folder as an absolute path. */
  readonly dir: string;
}

/** Opens the inbox over a folder, and makes the folder if it is missing. Throws FtxError `cannot-create`. */
export async function openFolderInbox(options: FolderInboxOptions): Promise<FolderInbox> {
  const { maxSize, maxFiles, sync, keepPartsMs, fileMode, dirMode } = options;
  const dir = await prepareFolder(options.dir);
  closeLeftOpen(dir);
  // What it makes counts in the quota.
  const assertSameInbox = await watchInbox(dir, options.ledger);
  const parts = createYieldingParts(dir);
  const quota = options.quota === undefined ? undefined : await createQuota(dir, options.quota, undefined, parts);
  const maxBytes = Math.min(DEFAULT_MAX_BYTES, (options.quota ?? Infinity) / LEDGER_PARTS);
  const ledger = options.ledger ? openLedger(dir, { maxBytes, quota }) : undefined;
  const modes = { fileMode, dirMode };
  const space = createSpace(undefined, parts);
  const unproven = createUnprovenFolders();
  const shared = { dir, unproven, maxSize, maxFiles, sync, ...modes, quota, fold: await probeFold(dir), space, parts };
  const stopCleaning = startCleaning(dir, keepPartsMs);
  return {
    dir,
    session: ({ bringer, isKnown, onConflict, isResumable }) =>
      createFileSink({
        ...shared,
        assertSameInbox,
        isKnown,
        onConflict,
        ledger,
        deliveries: ledger && createDeliveries({ dir, ledger, bringer, isDurable: sync }),
        ...(isResumable && { peer: nameBringer(bringer) }),
      }),
    parts: () => listParts(dir),
    close: stopCleaning,
  };
}

/** Names the bringer for the journals of part files. A prefix keeps an address that looks like a fingerprint from passing for that key. */
function nameBringer(bringer: Bringer): string {
  if (bringer.kind === 'key') return bringer.id;
  return isFingerprint(bringer.address) ? `address ${bringer.address}` : bringer.address;
}

/** Removes broken transfers that are older than `keepMs`, now and once a day. Returns the function that stops the cleaning. */
function startCleaning(dir: string, keepMs: number): () => void {
  let secondLook: NodeJS.Timeout | undefined;
  const clean = () => cleanParts(dir, keepMs).catch(() => undefined);
  async function cleanTwice(): Promise<void> {
    const cleaning = await clean();
    clearTimeout(secondLook);
    if (cleaning?.isUndecided && !isStopped) secondLook = setTimeout(() => void clean(), DEAD_MS + RENEW_MS);
  }
  let isStopped = false;
  void cleanTwice();
  const daily = setInterval(() => void cleanTwice(), DAY_MS);
  return () => {
    isStopped = true;
    clearTimeout(secondLook);
    clearInterval(daily);
  };
}
