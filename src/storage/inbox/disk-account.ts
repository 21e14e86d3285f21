/** The running figure of one disk: what the system said last, less what was written since. No write has to ask the system. */
import { MIN_BLOCK_BYTES, roundUp, type DiskFigures } from '../disk/disk-figures.js';
import type { Ground } from '../disk/held-folder.js';
import type { YieldedRoom, YieldingParts } from './yielding-parts.js';

/** Milliseconds after which the system is asked again, because other programs write to the disk too. */
const RENEW_MS = 1_000;

const UNKNOWN: DiskFigures = {
  freeBytes: Infinity,
  freeFiles: Infinity,
  keptBytes: 0,
  keptFiles: 0,
  blockBytes: MIN_BLOCK_BYTES,
};

/** Reserved bytes that are not on the disk yet. */
export interface Promised {
  /** All of the reserved bytes. They count against further reservations of the same sender. */
  left: number;
  /** The reserved bytes that count against other senders as well. */
  claimed: number;
}

/** All sessions that write to the disk share its account. */
export class DiskAccount {
  /** What is promised to all senders. */
  readonly all: Promised = { left: 0, claimed: 0 };
  /** The folder of the disk that was named last: it is there. */
  ground: Ground;
  readonly #read: (ground: Ground) => Promise<DiskFigures>;
  #figures = UNKNOWN;
  /** What was written, and made, since the figures were read. */
  #since = { bytes: 0, files: 0 };
  /** What is being written, and files that have been offered and not been made yet. */
  #underWay = { bytes: 0, files: 0 };
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;
  readonly #parts: YieldingParts | undefined;

  constructor(ground: Ground, read: (ground: Ground) => Promise<DiskFigures>, parts?: YieldingParts) {
    this.ground = ground;
    this.#read = read;
    this.#parts = parts;
  }

  get figures(): DiskFigures {
    return this.#figures;
  }

  /** Bytes that an entry of so many bytes takes: whole blocks, and at least one. */
  cost(bytes: number): number {
    return roundUp(bytes, this.#figures.blockBytes);
  }

  /** Bytes that may still be written: without those that are to stay free, and with no regard to what is promised. */
  spareBytes(): number {
    return this.#figures.freeBytes - this.#figures.keptBytes - this.#since.bytes - this.#underWay.bytes;
  }

  /** Files, folders and links that may still be made. */
  spareFiles(): number {
    return this.#figures.freeFiles - this.#figures.keptFiles - this.#since.files - this.#underWay.files;
  }

  /** So many more bytes and files are on their way to the disk. Call arrive() later. */
  begin(bytes: number, files: number): void {
    this.#underWay.bytes += bytes;
    this.#underWay.files += files;
  }

  /** What was on its way is there, or could not be written. */
  arrive(bytes: number, files: number): void {
    this.begin(-bytes, -files);
    this.#since.bytes += bytes;
    this.#since.files += files;
  }

  /** Asks the system now. Asks at most once at a time. Never fails. */
  look(): Promise<void> {
    return (this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined)));
  }

  /** What parts would leave free that give way. `except`: the stems of those that do not count. */
  async yielded(except?: ReadonlySet<string>): Promise<YieldedRoom> {
    return (await this.#parts?.room(this.ground.device, except)) ?? { bytes: 0, files: 0 };
  }

  /** Has parts give way until no bytes are missing. Resolves with whether there is room. */
  async makeRoom(missing: () => number): Promise<boolean> {
    if (!this.#parts) return missing() <= 0;
    return this.#parts.makeRoom(async () => {
      // A look that has begun before a part has gone may not see the room.
      await this.#looking;
      await this.look();
      return missing();
    }, this.ground.device);
  }

  /** Asks the system unless it was asked a moment ago. */
  async freshen(): Promise<void> {
    if (this.#isOld) await this.look();
  }

  /** Asks the system from time to time, without a wait. Returns the first answer to wait for. */
  renew(): Promise<void> | undefined {
    if (!this.#isOld) return undefined;
    const looked = this.look();
    return this.#lookedAt === -Infinity ? looked : undefined;
  }

  get #isOld(): boolean {
    return performance.now() - this.#lookedAt > RENEW_MS;
  }

  async #lookOnce(): Promise<void> {
    const { bytes, files } = this.#since;
    const figures = await this.#read(this.ground).catch(() => undefined);
    this.#lookedAt = performance.now();
    if (!figures) return;
    this.#figures = figures;
    // What was written while the system was asked may be in its answer or not.
    this.#since.bytes -= bytes;
    this.#since.files -= files;
  }
}
