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
  if (flaw !== undefined) throw pathError('bad-name', text, flaw);
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
  if (flaw !== undefined) throw pathError('bad-link', link.text, `its target ${flaw}`);
}

function pathError(code: ErrorCode, path: string, flaw: string): FtxError {
  return new FtxError(code, `${path === '' ? 'The path' : showPath(path)}: ${flaw}.`);
}

function findPathFlaw(path: string): string | undefined {
  const flaw = findTextFlaw(path);
  if (flaw !== undefined) return flaw;
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `the path is longer than ${PATH_BYTES_MAX} bytes`;
  if (path.startsWith('/')) return 'the path is absolute, and only paths inside the folder are taken';
  const components = path.split('/');
  if (components.length > COMPONENTS_MAX)
    return `it is more than ${COMPONENTS_MAX} folders deep, which is more than the receiver makes`;
  for (const component of components) {
    const found = findComponentFlaw(component);
    if (found !== undefined) return found;
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
  if (Buffer.byteLength(component) > COMPONENT_BYTES_MAX) {
    return `a name in the path is longer than ${COMPONENT_BYTES_MAX} bytes`;
  }
  if (/[. ]$/.test(component)) return 'a name in the path ends in a dot or a space';
  if (DRIVE.test(component)) return 'the path contains a drive letter';
  if (isWindowsDevice(component)) return 'the path contains a name that Windows reserves for a device';
  if (isReserved(component)) return `names that begin with "${RESERVED_PREFIX}" belong to the receiver`;
  if (process.platform === 'win32' && WINDOWS_FORBIDDEN.test(component)) {
    return 'the path contains a character that Windows does not allow in names';
  }
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
  if (DRIVE.test(target)) return 'begins with a drive letter';
  if (Buffer.byteLength(target) > TARGET_BYTES_MAX) return `is longer than ${TARGET_BYTES_MAX} bytes`;
  const components = target.split('/');
  const inner = components.findIndex((component) => component !== '..');
  const ups = inner === -1 ? components.length : inner;
  if (components.lastIndexOf('..') >= ups) return 'has ".." elsewhere than at its beginning';
  // Each `..` climbs one of the link's folders, and the first folder must remain.
  if (ups > link.parents.length - 1) return 'points outside the folder it came in';
  return undefined;
}
