/** The receive folder as an Inbox: what its sessions share, and the cleaning of broken transfers. */
import { isFingerprint } from '../../core/fingerprint.js';
import type { Bringer, Inbox } from '../../core/inbox.js';
import { probeFold } from '../names/same-names.js';
import { createFileSink } from './file-sink.js';
import { prepareFolder } from './folders.js';
import { listParts, removeOldParts } from './left-parts.js';
import { createQuota } from './quota.js';
import { createSpace } from './space.js';

const DAY_MS = 24 * 60 * 60 * 1000;

export interface FolderInboxOptions {
  /** Made if it is missing. */
  readonly dir: string;
  /** Bytes of the largest file to take. */
  readonly maxSize: number;
  /** Files, links and folders that one session may bring. */
  readonly maxFiles: number;
  /** Bytes that the folder may hold in all, with what is there already; undefined for as much as the disk. */
  readonly quota: number | undefined;
  /** Whether to wait, before anything is called stored, until the disk has it. */
  readonly sync: boolean;
  /** Milliseconds after which a broken transfer that nobody has gone on with is removed. */
  readonly keepPartsMs: number;
}

export interface FolderInbox extends Inbox {
  /** Absolute. */
  readonly dir: string;
}

/** Throws FtxError `cannot-create`, or what the system says of a folder that cannot be counted. */
export async function openFolderInbox(options: FolderInboxOptions): Promise<FolderInbox> {
  const { maxSize, maxFiles, sync, keepPartsMs } = options;
  const dir = await prepareFolder(options.dir);
  const quota = options.quota === undefined ? undefined : await createQuota(dir, options.quota);
  const shared = { dir, maxSize, maxFiles, sync, quota, fold: await probeFold(dir), space: createSpace(dir) };
  const cleaning = startCleaning(dir, keepPartsMs);
  return {
    dir,
    session: ({ bringer, onConflict, isResumable }) =>
      createFileSink({ ...shared, onConflict, ...(isResumable && { peer: nameBringer(bringer) }) }),
    parts: () => listParts(dir),
    close: () => clearInterval(cleaning),
  };
}

/** The bringer as journals of part files hold it. No address passes for the key that it spells. */
function nameBringer(bringer: Bringer): string {
  if (bringer.kind === 'key') return bringer.id;
  return isFingerprint(bringer.address) ? `address ${bringer.address}` : bringer.address;
}

/** Removes broken transfers that have been left for too long, now and once a day. */
function startCleaning(dir: string, keepMs: number): NodeJS.Timeout {
  const clean = () => void removeOldParts(dir, keepMs).catch(() => undefined);
  clean();
  return setInterval(clean, DAY_MS);
}
