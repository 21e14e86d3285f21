/** Tells what would become of a list of entries, before the first of them is offered. Writes nothing. */
import { readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { Outlook, Plan, Vouched } from '../../core/sink.js';
import { existsError, foreseeFile, foreseeLink, type ConflictPolicy, type Existing } from '../names/conflict.js';
import { diskError, showPath } from '../disk/disk-error.js';
import type { Ground } from '../disk/held-folder.js';
import { lstatIfAny } from '../disk/attributes.js';
import type { Delivered, Deliveries } from './deliveries.js';
import { needOf, type Limits } from './entry-room.js';
import { readExisting } from './existing.js';
import { assertLength } from './folders.js';
import { assertWritable, createParentFinder, type Parent } from './list-parents.js';
import { createNeeds } from './needs.js';
import { findFreeName } from '../names/free-name.js';
import { tooLargeError } from './part-file.js';
import { findDurableBytes, findStem } from './resumable-part.js';
import { assertLinkTarget, parsePath, type EntryPath } from '../names/safe-path.js';
import { NameSet, type Fold } from '../names/same-names.js';

export interface PlanOptions extends Limits {
  readonly dir: string;
  readonly onConflict: ConflictPolicy;
  /** The size of the largest file, in bytes. */
  readonly maxSize: number;
  readonly maxFiles: number;
  readonly peer?: string | undefined;
  /** Whether the sender may learn that a file is there which it did not bring. */
  readonly isKnown: boolean;
  /** What this sender has brought before. */
  readonly deliveries?: Deliveries | undefined;
  readonly fold?: Fold | undefined;
  /** Throws FtxError `io` when the folder is another one than at the start. */
  readonly assertSameInbox?: (() => void) | undefined;
}

const NOTHING: Vouched = { canProve: false };
const ALREADY: Outlook = { fate: 'already', offset: 0 };

/**
 * Makes the Plan of one list. It looks at paths and not at held folders: a link that is planted meanwhile makes an
 * answer wrong, but nothing is written because of an answer. What is closed is opened by a descriptor.
 */
export function createPlan(options: PlanOptions, isDryRun: boolean): Plan {
  const { maxFiles, fold } = options;
  const names = fold && new NameSet(fold);
  const parentOf = createParentFinder(options.dir);
  const findDurable = createDurableFinder();
  const needs = createNeeds(options, () => findRoot(options.dir));
  let entries = 0;

  async function judge(offer: Entry, vouched: Vouched): Promise<Outlook> {
    const path = checkOffer(options, offer);
    if (names) assertNamesApart(names, path);
    const parent = parentOf(path);
    const outlook = await look({ ...options, isDryRun, findDurable, vouched }, offer, path, parent).finally(() =>
      parent.close(),
    );
    const { peer, isKnown } = options;
    const stem = outlook.offset > 0 && peer !== undefined ? findStem(offer, peer) : undefined;
    const missing = (offer.size ?? 0) - outlook.offset;
    if (outlook.fate !== 'already') needs.add(parent.ground, needOf(offer, missing, isKnown), stem);
    return outlook;
  }

  return {
    async add(offer, vouched = NOTHING) {
      entries += 1;
      if (entries > maxFiles) throw tooManyError(maxFiles);
      try {
        options.assertSameInbox?.();
        return await judge(offer, vouched);
      } catch (error) {
        throw diskError(error, offer.path);
      }
    },
    async total() {
      const capacity = await needs.total();
      // Another folder is on another disk, whose room tells nothing.
      return isSameInbox(options) ? capacity : { ...capacity, free: null };
    },
    close: () => names?.clear(),
  };
}

export function tooManyError(maxFiles: number): FtxError {
  const advice = 'Send fewer, or one archive of them, or raise --max-files there.';
  return new FtxError(
    'too-many',
    `These are more than the ${maxFiles} files, folders and links that the receiver takes at a time. ${advice}`,
  );
}

/** Checks what the offer alone tells. Throws FtxError `bad-name`, `too-large` or `bad-link`. */
function checkOffer({ dir, maxSize }: PlanOptions, { path, kind, size, target }: Entry): EntryPath {
  const parsed = parsePath(path);
  assertLength(dir, path);
  if (size !== null && size > maxSize) throw tooLargeError(path, maxSize, size);
  if (kind === 'symlink') assertLinkTarget(parsed, target ?? '');
  return parsed;
}

function assertNamesApart(names: NameSet, { text, components }: EntryPath): void {
  let end = -1;
  for (const component of components) {
    end += 1 + component.length;
    if (names.add(text.slice(0, end))) continue;
    const why = `to the receiver's folder "${showPath(component)}" is the same name as another one that is sent with it`;
    throw new FtxError(
      'exists',
      `${showPath(text)}: ${why}, written in another case or Unicode form. Rename one of them.`,
    );
  }
}

function isSameInbox({ assertSameInbox }: PlanOptions): boolean {
  try {
    assertSameInbox?.();
    return true;
  } catch {
    return false;
  }
}

/** Undefined when the receive folder is gone. */
function findRoot(dir: string): Ground | undefined {
  const stats = statSync(dir, { throwIfNoEntry: false });
  return stats && { device: String(stats.dev), way: { root: dir, components: [] } };
}

/** Returns findDurableBytes with a memory for what was found, because a sender may name one file many times in a list. */
function createDurableFinder(): typeof findDurableBytes {
  const found = new Map<string, number>();
  return async (folder, offer, peer) => {
    const key = JSON.stringify([offer.path, offer.size, offer.mtimeNs.toString()]);
    const bytes = found.get(key) ?? (await findDurableBytes(folder, offer, peer));
    // Only what is there takes memory: there are as many of them as there are parts.
    if (bytes > 0) found.set(key, bytes);
    return bytes;
  };
}

interface LookOptions extends PlanOptions {
  readonly isDryRun: boolean;
  readonly findDurable: typeof findDurableBytes;
  readonly vouched: Vouched;
}

async function look(
  options: LookOptions,
  offer: Entry,
  { name, sibling }: EntryPath,
  parent: Parent,
): Promise<Outlook> {
  const { peer, isDryRun, findDurable } = options;
  const at = (other: string): string => join(parent.folder, other);
  const there = parent.isThere ? readExisting(at(name)) : undefined;
  const delivered = await findDelivery(options, offer);
  if (delivered?.fit === 'same' && !isDryRun) return { ...ALREADY, as: delivered.as, digest: delivered.digest };
  if (delivered && delivered.fit !== 'brought') return ALREADY;
  const isKnown = options.isKnown || delivered !== undefined;
  const fate = decide({ ...options, isKnown }, offer, at(name), there);
  if (fate === 'already') return ALREADY;
  assertWritable(parent);
  const canResume = offer.kind === 'file' && parent.isThere && peer !== undefined;
  const offset = canResume ? await findDurable(parent.folder, offer, peer) : 0;
  if (fate !== 'rename' || !isDryRun) return { fate, offset };
  const free = await findFreeName(name, async (other) => (await lstatIfAny(at(other))) !== undefined);
  return { fate, offset, as: sibling(free) };
}

/** What the sender has brought before: a file with the size and time of the offer, or a link with its target. */
async function findDelivery(
  { deliveries, vouched }: LookOptions,
  offer: Entry,
): Promise<Delivered | { readonly fit: 'brought' } | undefined> {
  if (offer.kind === 'symlink') return (await deliveries?.hasLink(offer)) ? { fit: 'brought' } : undefined;
  return offer.kind === 'file' ? deliveries?.find(offer, vouched) : undefined;
}

function decide(
  { onConflict: policy, isKnown, isDryRun }: PlanOptions & { readonly isDryRun: boolean },
  offer: Entry,
  place: string,
  there: Existing | undefined,
): Outlook['fate'] {
  switch (offer.kind) {
    case 'file':
      return foreseeFile(policy, offer, there, { isKnown, isDryRun });
    case 'symlink': {
      const isSame = there?.kind === 'symlink' && readlinkSync(place) === offer.target;
      return foreseeLink(policy, offer, there, { isSame, isKnown, isDryRun });
    }
    case 'directory':
      if (there && there.kind !== 'directory') throw existsError(offer.path, 'something other than a folder');
      return there ? 'already' : 'new';
  }
}
