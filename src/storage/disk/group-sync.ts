/**
 * Makes files durable: a few of them each by itself, and many that wait at the same time together, by one sync of their
 * whole file system. What was measured decides. A sync of the file system also waits for what others have written, so it
 * gets dear where they write much; then each file is synced by itself.
 */
import type { FileSystemSync } from './file-system-sync.js';

/** Syncs of single files at a time: as many as Node has threads for. */
const MAX_SINGLE = 4;
/** Fewer files never wait for the whole file system. */
const MIN_GROUP = 8;
/** Milliseconds of one sync, as long as none was measured. */
const FIRST_SINGLE_MS = 1;
const FIRST_ALL_MS = 8;
/** Files that have waited this long for the file system are synced by themselves as well. In milliseconds. */
const LATE_MS = 1000;
/** With each single sync, the last measure of the whole file system loses so much of its weight, so that it is tried again. */
const FADE = 0.995;
/** Milliseconds without a file after which the disk is left. */
const LINGER_MS = 500;

interface Waiting {
  /** How many files it stands for. */
  readonly files: number;
  /** Syncs the file, or each of the files, by itself. */
  readonly single: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Whether single() was called. */
  isStarted: boolean;
  isDone: boolean;
}

/** A file that may be made durable together with others. */
export interface GroupMember {
  /**
   * Resolves once the file is durable, and throws what `single` throws, which syncs the file by itself. `files`: how many
   * files the caller has in the place of one, and syncs by `single`.
   */
  sync(single: () => Promise<void>, files?: number): Promise<void>;
  /** The file is durable, or nobody waits for it any more. To be called once. */
  leave(): void;
}

export class GroupSync {
  readonly #all: FileSystemSync;
  readonly #onLeft: () => void;
  /** Files that the next sync of the file system takes along. */
  #waiting: Waiting[] = [];
  /** Files that no such sync takes along. */
  #apart: Waiting[] = [];
  #running = 0;
  #isSharing = false;
  /** Whether the sync of the file system takes so long that nobody waits for it any more. */
  #isLate = false;
  /** How often a sync of the file system has failed. */
  #failures = 0;
  #members = 0;
  #leaving: NodeJS.Timeout | undefined;
  #singleMs = FIRST_SINGLE_MS;
  #allMs = FIRST_ALL_MS;

  /** `onLeft`: called when no file has needed the group for a while. The group is not to be used after that. */
  constructor(all: FileSystemSync, onLeft: () => void) {
    this.#all = all;
    this.#onLeft = onLeft;
  }

  /** Call it before the first byte of a file is written. */
  join(): GroupMember {
    const failures = this.#failures;
    this.#members += 1;
    clearTimeout(this.#leaving);
    return {
      leave: () => this.#leave(),
      sync: (single, files = 1) =>
        new Promise((resolve, reject) => {
          const file = { files, single, resolve, reject, isStarted: false, isDone: false };
          // The file system tells a failure once: then it may have been that of this file.
          (failures === this.#failures ? this.#waiting : this.#apart).push(file);
          this.#next();
        }),
    };
  }

  #leave(): void {
    this.#members -= 1;
    if (this.#members > 0) return;
    this.#leaving = setTimeout(() => {
      this.#all.close();
      this.#onLeft();
    }, LINGER_MS).unref();
  }

  #next(): void {
    if (!this.#isSharing && this.#isWorth()) void this.#share(this.#waiting.splice(0));
    while (this.#running < MAX_SINGLE) {
      const mayWait = this.#isSharing && !this.#isLate;
      const file = this.#apart.shift() ?? (mayWait ? undefined : this.#waiting.shift());
      if (!file) return;
      if (!file.isDone) void this.#syncSingle(file);
    }
  }

  #isWorth(): boolean {
    const files = this.#waiting.reduce((sum, one) => sum + one.files, 0);
    return files >= MIN_GROUP && files * this.#singleMs > this.#allMs && this.#all.isAvailable();
  }

  async #syncSingle(file: Waiting): Promise<void> {
    file.isStarted = true;
    this.#running += 1;
    const [started, beside] = [performance.now(), this.#running];
    try {
      await file.single();
      this.#singleMs += ((performance.now() - started) / beside / file.files - this.#singleMs) / 8;
      this.#allMs *= FADE;
      end(file);
    } catch (error) {
      file.isDone = true;
      file.reject(error);
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  /** Syncs the file system for the files. Each that is late, or for which that fails, is synced by itself. */
  async #share(files: readonly Waiting[]): Promise<void> {
    this.#isSharing = true;
    const started = performance.now();
    const late = setTimeout(() => {
      this.#isLate = true;
      this.#setApart(files);
    }, LATE_MS);
    try {
      await this.#all.sync();
      files.forEach(end);
    } catch {
      // The failure may be that of any file that was written before now.
      this.#failures += 1;
      this.#setApart([...files, ...this.#waiting.splice(0)]);
    } finally {
      clearTimeout(late);
      this.#allMs += (performance.now() - started - this.#allMs) / 2;
      this.#isSharing = this.#isLate = false;
      this.#next();
    }
  }

  #setApart(files: readonly Waiting[]): void {
    const apart = new Set(this.#apart);
    for (const file of files) if (!file.isStarted && !file.isDone) apart.add(file);
    this.#apart = [...apart];
    this.#next();
  }
}

function end(file: Waiting): void {
  file.isDone = true;
  file.resolve();
}
