/** The room that the entries of one list need together, on each disk and in the quota. */
import type { Capacity } from '../../core/sink.js';
import { roundUp } from '../disk/disk-figures.js';
import type { Ground } from '../disk/held-folder.js';
import type { Limits } from './entry-room.js';
import { quotaError, totalError, totalFilesError } from './room-errors.js';
import type { SenderDisk } from './space.js';

export interface Needs {
  /** One more entry is to be made on this ground, and so many bytes of it have to come. `stem`: the part that it goes on with, which does not give way to the list. */
  add(ground: Ground, bytes: number, stem?: string): void;
  /** Compares the needs with what is free. Throws FtxError `no-space`. */
  total(): Promise<Capacity>;
}

interface OnDisk {
  readonly disk: SenderDisk;
  bytes: number;
  files: number;
}

/** `findRoot` finds the ground that tells what is free when nothing is needed. */
export function createNeeds({ space, quota }: Limits, findRoot: () => Ground | undefined): Needs {
  const byDevice = new Map<string, OnDisk>();
  /** Without what disks need to round up. */
  let needed = 0;
  let ofQuota = 0;
  const own = new Set<string>();

  /** Resolves with the bytes that would still be free on the disk. */
  async function compare({ disk, bytes, files }: OnDisk): Promise<number> {
    const left = await disk.left({ bytes, files }, own);
    if (left.files < files) throw totalFilesError(files, left.files);
    if (left.bytes < bytes) throw totalError(bytes, left.bytes, left.keptBytes);
    return left.bytes - bytes;
  }

  function find(ground: Ground): OnDisk | undefined {
    const onDisk = byDevice.get(ground.device) ?? (space && { disk: space.at(ground), bytes: 0, files: 0 });
    if (onDisk) byDevice.set(ground.device, onDisk);
    return onDisk;
  }

  return {
    add(ground, bytes, stem) {
      needed += bytes;
      if (stem !== undefined) own.add(stem);
      const onDisk = find(ground);
      const cost = onDisk?.disk.cost(bytes) ?? roundUp(bytes);
      ofQuota += cost;
      if (!onDisk) return;
      onDisk.bytes += cost;
      onDisk.files += 1;
    },
    async total() {
      const left = await quota?.left(ofQuota, own);
      if (quota && left !== undefined && left < ofQuota)
        throw quotaError('What is sent', ofQuota, quota.limit, left, quota.unfinished());
      const root = byDevice.size === 0 ? findRoot() : undefined;
      if (root) find(root);
      let rest = (left ?? Infinity) - ofQuota;
      for (const onDisk of byDevice.values()) rest = Math.min(rest, await compare(onDisk));
      const free = needed + rest;
      return { needed, free: Number.isSafeInteger(free) ? free : null };
    },
  };
}
