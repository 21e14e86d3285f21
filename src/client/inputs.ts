/** The sources of one send: the files and folders at its paths, or its stream. */
import type { Readable } from 'node:stream';
import { FtxError, toFtxError } from '../core/errors.js';
import type { Source } from '../core/source.js';
import { inspectDistinct } from '../storage/source/input.js';
import { streamSource } from '../storage/source/stream-source.js';
import { readSources, type ReadOptions } from '../storage/source/tree.js';

export { assertStandardInput } from '../storage/source/standard-input.js';

/** The path that stands for standard input. */
export const STANDARD_INPUT = '-';

export interface InputOptions {
  /** Files and folders; `-` alone is `input`. */
  readonly paths: readonly string[];
  /** What the path is called at the receiver. Goes with a single path, and `input` needs it. */
  readonly name: string | undefined;
  readonly input: Readable | undefined;
  /** Whether `input` may end without content. */
  readonly allowEmpty?: boolean;
  readonly classic: boolean;
  readonly stateDir: string | undefined;
  /** The key of the pins of files; without it they have none. */
  readonly pinKey?: Buffer | undefined;
  readonly signal: AbortSignal;
}

export interface Inputs {
  /** What each path is called at the receiver. */
  readonly names: readonly string[];
  /**
   * Walks through everything that is to be sent, as it is when the walk begins.
   * `onProblem` is told of what cannot be sent below a folder.
   */
  walk(onProblem: ReadOptions['onProblem']): AsyncIterable<Source>;
}

/**
 * Looks at each path before the receiver hears of it. A walk opens again only
 * the paths that have changed since.
 * Throws FtxError `not-found`, `unreadable`, `unsupported`, or `usage` if a
 * path does not go with the options.
 */
export async function openInputs(options: InputOptions): Promise<Inputs> {
  const { paths, name, input, classic, allowEmpty = false, signal, stateDir, pinKey } = options;
  assertNameFits(paths, name);
  if (name !== undefined && paths.includes(STANDARD_INPUT)) return openStream(input, name, classic, allowEmpty);
  const { paths: distinct, found } = await inspectDistinct(paths, name).catch((error: unknown) => {
    throw paths.length === 1 ? error : nothingSentError(error);
  });
  if (classic && found.some(({ stats }) => !stats.isFile()))
    throw new FtxError(
      'usage',
      `${paths.join()}: is a folder, and classic carries one file. Send its files one by one.`,
    );
  return {
    names: found.map(({ path }) => path),
    walk: (onProblem) => readSources(distinct, { name, found, signal, stateDir, pinKey, onProblem }),
  };
}

/** With several paths, their user has to know what became of the others. */
function nothingSentError(error: unknown): FtxError {
  const { code, message } = toFtxError(error);
  return new FtxError(code, `${message} Nothing was sent.`, { cause: error });
}

function openStream(input: Readable | undefined, name: string, classic: boolean, mayBeEmpty: boolean): Inputs {
  if (!input) throw new FtxError('usage', 'The path - stands for an input, and none was given.');
  if (classic) throw new FtxError('usage', 'A classic receiver needs the size first: send a file, not standard input.');
  return { names: [name], walk: () => only(streamSource(input, name, mayBeEmpty)) };
}

async function* only(source: Source): AsyncGenerator<Source> {
  yield await Promise.resolve(source);
}

/** Throws FtxError `usage` unless a name goes with the paths. */
export function assertNameFits(paths: readonly string[], name: string | undefined): void {
  if (name !== undefined && paths.length !== 1)
    throw new FtxError(
      'usage',
      'A name (--name) is for a single path: send the paths one by one to give each its own.',
    );
  if (name?.isWellFormed() === false) throw new FtxError('usage', 'The name (--name) is not valid Unicode.');
  if (name === undefined && paths.includes(STANDARD_INPUT))
    throw new FtxError(
      'usage',
      'Standard input (-) has no name of its own: give it one with --name. A file of the name - is sent as ./-',
    );
}
