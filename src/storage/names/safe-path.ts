/** Which paths and link targets of a peer are accepted (PROTOCOL.md section 7). No other file resolves a peer's names. No I/O. */
import { FtxError, type ErrorCode } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';

const PATH_BYTES_MAX = 4096;
const COMPONENT_BYTES_MAX = 255;
/** Bounds how many folders a single path can make. */
const COMPONENTS_MAX = 100;
/** The longest target of a link on Linux: PATH_MAX without the final NUL. */
const TARGET_BYTES_MAX = 4095;
/** Begins the names of part files, journals and locks. No entry may have such a name. */
export const RESERVED_PREFIX = '.ftx-';

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const DRIVE = /^[a-z]:/i;
/** https://learn.microsoft.com/windows/win32/fileio/naming-a-file: ¹ ² ³ count as digits. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|(?:com|lpt)[1-9¹²³]|conin\$|conout\$)$/i;
const WINDOWS_FORBIDDEN = /[<>:"|?*]/;

/** The path below the receive folder where a peer wants an entry. Only parsePath makes an EntryPath, so every EntryPath has been checked. */
export interface EntryPath {
  /** All of it, `/`-separated, as the peer wrote it. */
  readonly text: string;
  /** Its names in order, at least one. */
  readonly components: readonly string[];
  /** The folders it is in, from the receiver's folder down; empty for an entry directly in there. */
  readonly parents: readonly string[];
  /** The last component. */
  readonly name: string;
  /** Returns the text of the path with another name in the same folder. */
  readonly sibling: (name: string) => string;
}

/** Checks a peer's path. Throws FtxError `bad-name`. */
export function parsePath(text: string): EntryPath {
  const flaw = findPathFlaw(text);
  if (flaw !== undefined) throw pathError('bad-name', flaw.path, flaw.flaw);
  const components = text.split('/');
  const name = components.at(-1) ?? '';
  return {
    text,
    components,
    parents: components.slice(0, -1),
    name,
    sibling: (other) => text.slice(0, text.length - name.length) + other,
  };
}

/** Throws FtxError `bad-link` unless the target leads into the first folder of the link's own path. */
export function assertLinkTarget(link: EntryPath, target: string): void {
  const flaw = findTextFlaw(target) ?? findTargetFlaw(link, target);
  if (flaw !== undefined) throw pathError('bad-link', link.text, `its target "${showPath(target)}" ${flaw}`);
}

function pathError(code: ErrorCode, path: string, flaw: string): FtxError {
  return new FtxError(code, `${path === '' ? 'The path' : showPath(path)}: ${flaw}.`);
}

/** What is wrong, in words that go on from "The path: ", and the path up to the name that is wrong. */
interface PathFlaw {
  readonly path: string;
  readonly flaw: string;
}

function findPathFlaw(path: string): PathFlaw | undefined {
  if (path === '') return { path, flaw: 'is empty' };
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_BYTES_MAX)
    return { path, flaw: `the path has ${bytes} bytes, which is longer than ${PATH_BYTES_MAX} bytes` };
  if (path.startsWith('/')) return { path, flaw: 'the path is absolute, and only paths inside the folder are taken' };
  const components = path.split('/');
  if (components.length > COMPONENTS_MAX)
    return { path, flaw: `the path has ${components.length} names, and the receiver takes ${COMPONENTS_MAX}` };
  for (const [at, component] of components.entries()) {
    const flaw = findComponentFlaw(component);
    if (flaw === undefined) continue;
    // The path, and not a folder on its way, is wrong where a part of it is no name at all.
    const isName = component !== '' && component !== '.' && component !== '..';
    return { path: isName ? components.slice(0, at + 1).join('/') : path, flaw };
  }
  return undefined;
}

function findTextFlaw(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (!text.isWellFormed()) return 'is not valid Unicode';
  if (CONTROL.test(text)) return 'contains a control character';
  if (text.includes('\\')) return 'contains a backslash';
  return undefined;
}

function findComponentFlaw(component: string): string | undefined {
  if (component === '') return 'the path has an empty part between slashes';
  if (component === '.' || component === '..') return `the path contains "${component}"`;
  const flaw = findTextFlaw(component) ?? findNameFlaw(component);
  return flaw && `the name "${showPath(component)}" ${flaw}`;
}

function findNameFlaw(name: string): string | undefined {
  const bytes = Buffer.byteLength(name);
  if (bytes > COMPONENT_BYTES_MAX) return `has ${bytes} bytes, which is longer than ${COMPONENT_BYTES_MAX} bytes`;
  if (name.endsWith('.')) return 'ends in a dot, which Windows does not keep';
  if (name.endsWith(' ')) return 'ends in a space, which Windows does not keep';
  if (DRIVE.test(name)) return 'has a colon after its first letter, which Windows takes for a drive';
  if (isWindowsDevice(name)) return 'is one that Windows reserves for a device';
  if (isReserved(name)) return `begins with "${RESERVED_PREFIX}", and such names belong to the receiver`;
  if (process.platform === 'win32' && WINDOWS_FORBIDDEN.test(name))
    return 'contains a character that Windows does not allow in names';
  return undefined;
}

function isWindowsDevice(component: string): boolean {
  const stem = component.split('.', 1)[0] ?? '';
  return WINDOWS_DEVICE.test(stem.trimEnd());
}

/** Ignores upper and lower case, because some file systems take `.FTX-` for the same name. */
function isReserved(component: string): boolean {
  return component.slice(0, RESERVED_PREFIX.length).toLowerCase() === RESERVED_PREFIX;
}

function findTargetFlaw(link: EntryPath, target: string): string | undefined {
  if (target.startsWith('/')) return 'is an absolute path';
  if (DRIVE.test(target)) return 'has a colon after its first letter, which Windows takes for a drive';
  if (Buffer.byteLength(target) > TARGET_BYTES_MAX) return `is longer than ${TARGET_BYTES_MAX} bytes`;
  const components = target.split('/');
  const inner = components.findIndex((component) => component !== '..');
  const ups = inner === -1 ? components.length : inner;
  if (components.lastIndexOf('..') >= ups) return 'has ".." elsewhere than at its beginning';
  // Each `..` climbs one of the link's folders, and the first folder must remain.
  if (ups > link.parents.length - 1) return 'points outside the folder it came in';
  return undefined;
}
