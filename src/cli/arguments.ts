/** Arguments that could mean something else than what was typed: each of them is refused, and told with the way out. */
import { FtxError } from '../core/errors.js';
import { isExactArgument, namesSomething } from '../home/given-text.js';

/**
 * A shell puts the names of files in the place of `*`, and a file may have the
 * name of an option. Throws FtxError `usage` for an argument of `ftx send` that
 * is read as an option and names something in the working directory.
 */
export function assertOptionsAreNoFiles([command, ...args]: readonly string[]): void {
  if (command !== 'send') return;
  const end = args.indexOf('--');
  const found = args
    .slice(0, end === -1 ? args.length : end)
    .find((arg) => arg.startsWith('-') && arg !== '-' && namesSomething(arg));
  if (found === undefined) return;
  throw new FtxError(
    'usage',
    `${found} is an option, and also the name of something in this folder. To send that, write ./${found}, or all paths at the end after --. For the option, run ftx in another folder.`,
  );
}

/** Throws FtxError `unreadable` for a path that is not as it was typed. */
export function assertExactPaths(paths: readonly string[]): void {
  const path = paths.find((text) => !isExactArgument(text));
  if (path === undefined) return;
  throw new FtxError(
    'unreadable',
    `${path}: its name is not valid UTF-8, so ftx cannot tell what it names. Rename it, or, if it is a folder, go into it and send . with --name NAME.`,
  );
}

/** Throws FtxError `cannot-create` for a folder, and `usage` for another value of an option, that is not as it was typed. */
export function assertExactOptions(options: object): void {
  const { dir = '', ...others } = options as { readonly dir?: string };
  if (!isExactArgument(dir))
    throw new FtxError(
      'cannot-create',
      `Cannot receive into ${dir}: its path is not valid UTF-8. Choose a folder with --dir whose path is, perhaps through a link.`,
    );
  const value = Object.values<unknown>(others).find((text) => typeof text === 'string' && !isExactArgument(text));
  if (value !== undefined) throw new FtxError('usage', `${value as string} is not valid UTF-8. Give another value.`);
}
