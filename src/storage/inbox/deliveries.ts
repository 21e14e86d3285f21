/** What the delivery ledger tells of an offered file, and what is noted in it when the file is there. */
import { readFileSync, lstatSync, type BigIntStats } from 'node:fs';
import type { LeftStats } from '../disk/file-work.js';
import { join } from 'node:path';
import { formatDigest, hashText } from '../../core/checksum.js';
import type { Entry } from '../../core/entry.js';
import type { Bringer } from '../../core/inbox.js';
import type { Vouched } from '../../core/sink.js';
import type { Ledger } from './ledger.js';
import type { Delivery } from './ledger-record.js';

/** The ledger as one session sees it. */
export interface Deliveries {
  /** Finds what this sender has brought under the path of the offer, with the size and time of the offer. */
  find(offer: Entry, vouched: Vouched): Promise<Delivered | undefined>;
  /** Notes that the offered file is there as `as`. `stats`: as ftx left it; undefined if somebody took it away at once. */
  note(offer: Entry, vouched: Vouched, stored: Stored): void;
  /** Whether this sender has brought the offered link under its path, with its target. */
  hasLink(offer: Entry): Promise<boolean>;
  /** Notes that the offered link is there as `as`. */
  noteLink(offer: Entry, as: string): void;
}

export interface Stored {
  readonly as: string;
  /** In hex. */
  readonly digest: string;
  readonly stats: LeftStats | undefined;
}

/** A delivery that fits an offer. */
export interface Delivered extends Pick<Delivery, 'as' | 'digest'> {
  /**
   * `same`: it is the very file of the offer. `untouched`: nobody has touched it at the receiver, and the sender may
   * have. `brought`: the sender has brought a file of that path, size and time.
   */
  readonly fit: 'same' | 'untouched' | 'brought';
}

/** In the place of the size of a link, so that no offered file fits its record. */
const LINK_SIZE = -1;

export interface DeliveriesOptions {
  /** The receive folder, absolute. */
  readonly dir: string;
  readonly ledger: Ledger;
  readonly bringer: Bringer;
  readonly isDurable: boolean;
}

export function createDeliveries({ dir, ledger, bringer, isDurable }: DeliveriesOptions): Deliveries {
  /** Who brings it: without a key, a transfer knows only itself again. */
  function nameBringer({ transfer }: Vouched): string | undefined {
    if (bringer.kind === 'key') return bringer.id;
    return transfer === undefined ? undefined : `transfer ${transfer}`;
  }

  return {
    async find(offer, vouched) {
      const name = nameBringer(vouched);
      const found = name === undefined ? undefined : await ledger.find(name, offer.path);
      if (!found || found.size !== offer.size || found.mtimeNs !== offer.mtimeNs) return undefined;
      if (found.boot !== undefined && found.boot !== bootId()) return undefined;
      const { as, digest } = found;
      // It was not waited for the disk then, so it is waited for the disk now.
      if (found.boot !== undefined && isDurable) return { as, digest, fit: 'brought' };
      // An earlier attempt of this transfer has brought it. A program that takes files away may have it by now.
      if (vouched.transfer !== undefined && vouched.transfer === found.transfer) return { as, digest, fit: 'same' };
      const isUntouched = isAsLeft(join(dir, as), found) && (await ledger.noticesChanges());
      if (!isUntouched) return { as, digest, fit: 'brought' };
      return { as, digest, fit: vouched.pin !== undefined && vouched.pin === found.pin ? 'same' : 'untouched' };
    },
    note(offer, vouched, { as, digest, stats }) {
      const name = nameBringer(vouched);
      if (name === undefined || offer.size === null) return;
      const { path, size, mtimeNs } = offer;
      const left = stats && { mtimeNs: stats.mtimeNs, ctimeNs: stats.ctimeNs };
      const { pin, transfer } = vouched;
      const boot = isDurable ? undefined : bootId();
      const at = Math.floor(Date.now() / 1000);
      ledger.note({ bringer: name, path, size, mtimeNs, pin, transfer, digest, as, left, boot, at });
    },
    async hasLink({ path, target = '' }) {
      const found = bringer.kind === 'key' ? await ledger.find(bringer.id, path) : undefined;
      return found?.size === LINK_SIZE && found.digest === digestOf(target);
    },
    noteLink({ path, target = '', mtimeNs }, as) {
      if (bringer.kind !== 'key') return;
      const at = Math.floor(Date.now() / 1000);
      ledger.note({ bringer: bringer.id, path, size: LINK_SIZE, mtimeNs, digest: digestOf(target), as, at });
    },
  };
}

function digestOf(target: string): string {
  return formatDigest(hashText(target, 0n));
}

/** Whether the file is still as ftx left it. */
function isAsLeft(path: string, { size, left }: Delivery): boolean {
  const there = lookAt(path);
  if (!there || !left) return false;
  const isContent = there.isFile() && there.size === BigInt(size) && there.mtimeNs === left.mtimeNs;
  return isContent && there.ctimeNs === left.ctimeNs;
}

/** Undefined where there is nothing, and where the way is closed: whoever compares the content opens it. */
function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

let boot: string | undefined;

/** Tells this boot of the machine from others; a random text where the system does not tell. */
function bootId(): string {
  try {
    return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
  } catch {
    return (boot = `process ${process.pid} ${performance.timeOrigin}`);
  }
}
