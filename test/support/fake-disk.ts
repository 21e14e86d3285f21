/** Disks whose figures a test chooses. */
import type { DiskFigures } from '../../src/storage/disk/disk-figures.js';
import type { Ground } from '../../src/storage/disk/held-folder.js';
import { createSpace, type Space } from '../../src/storage/inbox/space.js';

const MIB = 1024 * 1024;
/** Bytes that stay free on a fake disk. */
export const KEPT = 64 * MIB;

/** A disk of plenty, but for what the test says. */
export function figuresOf(figures: Partial<DiskFigures>): DiskFigures {
  return { freeBytes: Infinity, freeFiles: Infinity, keptBytes: KEPT, keptFiles: 0, blockBytes: 4096, ...figures };
}

/** A space over disks that tell what `read` says, each time that they are asked. */
export function createFakeSpace(read: (ground: Ground) => Partial<DiskFigures>): Space {
  return createSpace((ground) => Promise.resolve().then(() => figuresOf(read(ground))));
}

export const GROUND: Ground = { device: '1', way: { root: '/', components: [] } };
