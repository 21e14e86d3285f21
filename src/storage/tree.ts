/** Files and folders that a user named, as Sources. */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { FtxError, errnoOf } from '../errors.js';
import type { Entry, Source, Totals } from '../ports.js';
import { showPath } from './disk-error.js';
import { createFileSource, describeReadError } from './file-source.js';
import { describeInput, describeSpecial } from './input.js';

export interface ReadOptions {
  /** What the one path is called at the receiver, instead of its own name. */
  readonly name?: string | undefined;
  /**
   * Told of each entry below a folder that cannot be sent; the walk goes on.
   * Without it the first one ends the walk.
   */
  readonly onProblem?: ((path: string, error: FtxError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Something found on disk, not looked at yet. */
interface Found {
  /** Where it is. */
  readonly file: string;
  /** What it is called at the receiver. */
  readonly path: string;
}

interface Walk {
  readonly report: (path: string, error: FtxError) => void;
  readonly signal: AbortSignal | undefined;
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
  if (options.name !== undefined && paths.length !== 1) {
    throw new FtxError('usage', '--name goes with exactly one file or folder.');
  }
  const inputs = [];
  for (const path of paths) inputs.push(await describeInput(path, options.name));
  const walk: Walk = { report: options.onProblem ?? rethrow, signal: options.signal, directories: [] };
  for (const { stats, ...found } of inputs) yield* readEntry(walk, found, stats);
  for (const entry of walk.directories) yield createEmptySource(entry);
}

/** What readSources would yield, counted; entries that cannot be sent are left out. */
export async function countTotals(
  paths: readonly string[],
  options: Omit<ReadOptions, 'onProblem'> = {},
): Promise<Totals> {
  let entries = 0;
  let bytes = 0;
  for await (const { entry } of readSources(paths, { ...options, onProblem: () => undefined })) {
    entries++;
    bytes += entry.size ?? 0;
  }
  return { entries, bytes };
}

function rethrow(_path: string, error: FtxError): never {
  throw error;
}

async function* readEntry(walk: Walk, found: Found, stats: BigIntStats): AsyncGenerator<Source> {
  walk.signal?.throwIfAborted();
  if (stats.isFile()) yield createFileSource({ ...found, stats });
  else if (stats.isSymbolicLink()) yield* readLink(walk, found, stats);
  else if (stats.isDirectory()) yield* readFolder(walk, found, stats);
  else walk.report(found.path, describeSpecial(found.path, stats));
}

async function* readFolder(walk: Walk, found: Found, stats: BigIntStats): AsyncGenerator<Source> {
  const names = await attempt(walk, found, () => readdir(found.file, { encoding: 'buffer' }));
  if (!names) return;
  for (const bytes of names.sort((a, b) => a.compare(b))) {
    const name = bytes.toString();
    const inner = { file: join(found.file, name), path: `${found.path}/${name}` };
    if (!isUtf8(bytes)) {
      walk.report(inner.path, refuseEncoding(inner.path, 'name'));
      continue;
    }
    const innerStats = await attempt(walk, inner, () => lstat(inner.file, { bigint: true }));
    if (innerStats) yield* readEntry(walk, inner, innerStats);
  }
  walk.directories.push(toEntry(found, stats, { kind: 'directory' }));
}

async function* readLink(walk: Walk, found: Found, stats: BigIntStats): AsyncGenerator<Source> {
  const target = await attempt(walk, found, () => readlink(found.file, { encoding: 'buffer' }));
  if (!target) return;
  if (isUtf8(target)) yield createEmptySource(toEntry(found, stats, { kind: 'symlink', target: target.toString() }));
  else walk.report(found.path, refuseEncoding(found.path, 'target'));
}

/** Undefined after a failure that was reported. */
async function attempt<T>(walk: Walk, found: Found, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    walk.report(found.path, describeWalkError(error, found.path));
    return undefined;
  }
}

function describeWalkError(error: unknown, path: string): FtxError {
  if (!['ENOENT', 'ENOTDIR', 'EINVAL'].includes(errnoOf(error) ?? '')) return describeReadError(error, path);
  return new FtxError('changed', `${showPath(path)}: was removed or replaced while the folder was being read.`, {
    cause: error,
  });
}

function refuseEncoding(path: string, what: 'name' | 'target'): FtxError {
  return new FtxError('unreadable', `${showPath(path)}: its ${what} is not valid UTF-8, so it cannot be sent.`);
}

function toEntry(found: Found, stats: BigIntStats, rest: Pick<Entry, 'kind' | 'target'>): Entry {
  return { ...rest, path: found.path, size: 0, mtimeNs: stats.mtimeNs, mode: Number(stats.mode & 0o777n) };
}

function createEmptySource(entry: Entry): Source {
  return { entry, async *blocks() {} };
}
