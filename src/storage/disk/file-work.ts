/**
 * The calls that many small files take on their way to their names, made one after the other without a wait: a call takes a
 * few microseconds, and a trip to another thread for each call would take 40. file-thread.ts runs them beside the main thread.
 *
 * Four works, in the order in which files come to them: `write` makes the part files, `name` gives them their names,
 * `announce` tells watchers of them, and `drop` or `takeBack` ends those that go no further. Nothing here throws: what
 * fails is missing in the answer, and has left nothing behind.
 */
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  unlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs';
import { setMode, setTimes } from './attributes.js';
import { isWithoutLinks } from './errno.js';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** A file in one of the folders of its order. */
export interface FileIn {
  /** A number in the list of folders. */
  readonly folder: number;
  readonly name: string;
}

export interface NewFile extends FileIn {
  /** The name of its part file. */
  readonly part: string;
  readonly mode: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Where its content begins and ends, in bytes. */
  readonly begin: number;
  readonly end: number;
}

/** A part file that is written and open. */
export interface PartIn extends FileIn {
  readonly part: string;
  readonly fd: number;
}

/** A file that has its name, and the inode and device by which it is known again. */
export interface NamedIn extends FileIn {
  readonly ino: bigint;
  readonly dev: bigint;
}

interface Order<File> {
  /** Paths of folders that the caller holds. */
  readonly folders: readonly string[];
  readonly files: readonly File[];
}

/** What is told of a file after its last step. */
export type LeftStats = Pick<BigIntStats, 'mtimeNs' | 'ctimeNs'>;

/**
 * Makes a part file for each file whose name is free, with content, mode and time. Returns the open descriptors;
 * undefined where the name is taken or anything has failed.
 */
export function write({ folders, files, content }: Order<NewFile> & { readonly content: Uint8Array }) {
  return files.map((file) =>
    attempt(() => {
      if (lstatSync(at(folders, file), { throwIfNoEntry: false })) return undefined;
      return writePart(at(folders, file, file.part), file, content.subarray(file.begin, file.end));
    }),
  );
}

function writePart(path: string, { mode, mtimeNs }: NewFile, content: Uint8Array): number {
  const fd = openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  try {
    for (let done = 0; done < content.length;) done += writeSync(fd, content, done);
    setMode({ fd }, mode);
    setTimes({ fd }, mtimeNs);
    return fd;
  } catch (error) {
    discard(path, fd);
    throw error;
  }
}

/**
 * Closes the part files, which are durable, and gives them their names where these are free. Returns what the files
 * are known by; undefined where the name is taken or anything has failed, and `unable` where the disk has no hard links.
 */
export function name({ folders, files }: Order<PartIn>): (Pick<NamedIn, 'ino' | 'dev'> | 'unable' | undefined)[] {
  return files.map((file) => attempt(() => nameOne(at(folders, file, file.part), at(folders, file), file.fd)));
}

function nameOne(part: string, path: string, fd: number): Pick<NamedIn, 'ino' | 'dev'> | 'unable' {
  try {
    const own = closeAfter(fd, () => assertOwn(part, fd));
    linkSync(part, path);
    try {
      unlinkSync(part);
    } catch (error) {
      unlinkSync(path);
      throw error;
    }
    return own;
  } catch (error) {
    attempt(() => unlinkSync(part));
    if (isWithoutLinks(error)) return 'unable';
    throw error;
  }
}

/** Another receiver in the same folder may have taken the part file away. */
function assertOwn(part: string, fd: number): Pick<NamedIn, 'ino' | 'dev'> {
  const { ino, dev } = fstatSync(fd, { bigint: true });
  if (isSame(lstatSync(part, { bigint: true }), { ino, dev })) return { ino, dev };
  throw new Error('the name of the part file leads to another file');
}

/**
 * Opens each file by its name for writing and closes it again: the event that watchers of a folder wait for. Nothing is done to
 * a file by its name after that. Returns the file as it was left; undefined if somebody has taken it away already.
 */
export function announce({ folders, files }: Order<NamedIn>): (LeftStats | undefined)[] {
  return files.map((file) => attempt(() => announceOne(at(folders, file), file)));
}

function announceOne(path: string, own: NamedIn): LeftStats | undefined {
  const fd = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  return closeAfter(fd, () => {
    const stats = fstatSync(fd, { bigint: true });
    return isSame(stats, own) ? { mtimeNs: stats.mtimeNs, ctimeNs: stats.ctimeNs } : undefined;
  });
}

/** Removes part files that are open. */
export function drop({ folders, files }: Order<PartIn>): void {
  for (const file of files) discard(at(folders, file, file.part), file.fd);
}

/** Removes files that have got their names, as far as they still have them. */
export function takeBack({ folders, files }: Order<NamedIn>): void {
  for (const file of files)
    attempt(() => {
      const path = at(folders, file);
      if (isSame(lstatSync(path, { bigint: true }), file)) unlinkSync(path);
      return undefined;
    });
}

/** All works, by the names by which a thread is told of them. */
export const WORKS = { write, name, announce, drop, takeBack };
export type Works = typeof WORKS;

function at(folders: readonly string[], { folder, name }: FileIn, other = name): string {
  return `${folders[folder] ?? ''}/${other}`;
}

function isSame(one: Pick<NamedIn, 'ino' | 'dev'>, other: Pick<NamedIn, 'ino' | 'dev'>): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function discard(path: string, fd: number): void {
  attempt(() => closeSync(fd));
  attempt(() => unlinkSync(path));
}

function closeAfter<T>(fd: number, work: () => T): T {
  try {
    return work();
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
