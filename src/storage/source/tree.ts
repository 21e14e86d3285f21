/** Files and folders that a user named, as Sources. */
import { lstatSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { abortReason, FtxError, errnoOf } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { Source } from '../../core/source.js';
import { showPath } from '../disk/disk-error.js';
import { isReceiverName } from '../names/part-name.js';
import { createFileSource } from './file-source.js';
import { readError, type FoundFile } from '../disk/read-file.js';
import { inspectInputs, specialFileError } from './input.js';

export interface ReadOptions {
  /** What the path is called at the receiver, instead of its own name. Goes with a single path. */
  readonly name?: string | undefined;
  /** What inspectInputs has found at the paths. The walk inspects only those that have changed since. */
  readonly found?: readonly FoundFile[] | undefined;
  /**
   * Told of each entry below a folder that cannot be sent; the walk goes on.
   * Without it the first one ends the walk.
   */
  readonly onProblem?: ((path: string, error: FtxError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where digests of large files are kept until they are stored; without it none are. */
  readonly stateDir?: string | undefined;
  /** The key of the pins of files; without it they have none. */
  readonly pinKey?: Buffer | undefined;
}

interface Walk {
  readonly report: (path: string, error: FtxError) => void;
  readonly signal: AbortSignal | undefined;
  readonly stateDir: string | undefined;
  readonly pinKey: Buffer | undefined;
  /** In post-order, for the end. */
  readonly directories: Entry[];
}

/**
 * All files and links below the paths, depth first in the order of their names,
 * and after them the folders, deepest first, because a receiver applies the
 * mode and time of a folder when it is offered. Links inside folders are not
 * followed. Every path is looked at before the first Source: throws FtxError
 * `not-found`, `unreadable`, `unsupported` or `usage`.
 */
export async function* readSources(paths: readonly string[], options: ReadOptions = {}): AsyncGenerator<Source> {
  const inputs = await inspectInputs(paths, options.name, options.found);
  const walk: Walk = {
    report: options.onProblem ?? rethrow,
    signal: options.signal,
    stateDir: options.stateDir,
    pinKey: options.pinKey,
    directories: [],
  };
  for (const input of inputs) yield* readInput(walk, input);
  for (const entry of walk.directories) yield createEmptySource(entry);
}

function rethrow(_path: string, error: FtxError): never {
  throw error;
}

/** With a stack of its own: recursion would end at some depth of folders, which a peer can make. */
async function* readInput(walk: Walk, input: FoundFile): AsyncGenerator<Source> {
  if (!input.stats.isDirectory()) {
    yield createFileSource(input, walk.stateDir, walk.pinKey);
    return;
  }
  const levels = [{ folder: input, names: await listNames(walk, input) }];
  for (let level; (level = levels.at(-1));) {
    if (walk.signal?.aborted) throw abortReason(walk.signal);
    const name = level.names?.pop();
    if (name) {
      const found = await findEntry(walk, level.folder, name);
      if (found?.stats.isDirectory()) levels.push({ folder: found, names: await listNames(walk, found) });
      else if (found) yield* readLeaf(walk, found);
      continue;
    }
    levels.pop();
    if (level.names) walk.directories.push(toEntry(level.folder, { kind: 'directory' }));
  }
}

/**
 * The names in a folder but those that a receiver gives to its own files, as there are where an inbox is sent. The last
 * name is first, to be taken from the end; undefined when the folder cannot be read.
 */
async function listNames(walk: Walk, { file, path }: FoundFile): Promise<Buffer[] | undefined> {
  const names = await attempt(walk, path, () => readdir(file, { encoding: 'buffer' }));
  return names?.filter((name) => !isReceiverName(name.toString())).sort((a, b) => b.compare(a));
}

async function findEntry(walk: Walk, folder: FoundFile, bytes: Buffer): Promise<FoundFile | undefined> {
  const name = bytes.toString();
  const file = join(folder.file, name);
  const path = `${folder.path}/${name}`;
  if (!isUtf8(bytes)) {
    walk.report(path, encodingError(path, 'name'));
    return undefined;
  }
  // Synchronous: one look after the other, at what the folder has just listed, is 3 µs; by way of a thread it is 40.
  const stats = await attempt(walk, path, () => lstatSync(file, { bigint: true }));
  return stats && { file, path, stats };
}

async function* readLeaf(walk: Walk, found: FoundFile): AsyncGenerator<Source> {
  if (found.stats.isFile()) yield createFileSource(found, walk.stateDir, walk.pinKey);
  else if (found.stats.isSymbolicLink()) yield* readLink(walk, found);
  else walk.report(found.path, specialFileError(found.path, found.stats));
}

async function* readLink(walk: Walk, found: FoundFile): AsyncGenerator<Source> {
  const target = await attempt(walk, found.path, () => readlink(found.file, { encoding: 'buffer' }));
  if (!target) return;
  if (isUtf8(target)) yield createEmptySource(toEntry(found, { kind: 'symlink', target: target.toString() }));
  else walk.report(found.path, encodingError(found.path, 'target'));
}

/** Undefined after a failure that was reported. */
async function attempt<T>(walk: Walk, path: string, work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    walk.report(path, walkError(error, path));
    return undefined;
  }
}

function walkError(error: unknown, path: string): FtxError {
  if (!['ENOENT', 'ENOTDIR', 'EINVAL'].includes(errnoOf(error) ?? '')) return readError(error, path);
  return new FtxError('changed', `${showPath(path)}: was removed or replaced while the folder was being read.`, {
    cause: error,
  });
}

function encodingError(path: string, what: 'name' | 'target'): FtxError {
  return new FtxError('unreadable', `${showPath(path)}: its ${what} is not valid UTF-8, so it cannot be sent.`);
}

function toEntry({ path, stats }: FoundFile, rest: Pick<Entry, 'kind' | 'target'>): Entry {
  return { ...rest, path, size: 0, mtimeNs: stats.mtimeNs, mode: Number(stats.mode & 0o777n) };
}

function createEmptySource(entry: Entry): Source {
  return { entry, async *blocks() {} };
}
