import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import { diskError, showPath } from '../../../src/storage/disk/disk-error.js';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something, write '/secret/folder'`), { code });
}

/** An error as Node makes it: by its number, and with libuv's name for it, if there is one. */
function nodeError(number: number, syscall = 'write'): Error {
  const code = getSystemErrorName(-number);
  return Object.assign(new Error(`${code}: ${code}, ${syscall}`), { code, errno: -number, syscall });
}

/** Linux numbers without a name in Node, those that name nothing, and one that the system never shows to programs. */
const NAMELESS = [117, 121, 123, 124, 126, 127, 128, 131, 133, 134, 512, 4095];

describe.skipIf(process.platform !== 'linux')('an error of the disk as Node makes it', () => {
  it.each([...new Set([...Object.values(constants.errno), ...NAMELESS])])(
    'number %i is told in plain words',
    (number) => {
      for (const syscall of ['write', 'open', 'fsync']) {
        const { message } = diskError(nodeError(number, syscall), 'x');
        expect(message).toMatch(/^x: [^\n:]{10,}\.$/);
        expect(message).not.toMatch(/Unknown|-\d/);
      }
    },
  );

  it.each([
    [122, 'no-space', /^x: the receiver's disk quota is used up; make room there, then send again\.$/],
    [28, 'no-space', /^x: the receiver's disk is full; make room there, then send again\.$/],
    [116, 'io', /network disk has lost track of it/],
    [117, 'io', /file system is damaged/],
    [74, 'io', /file system is damaged/],
    [107, 'io', /is not connected any more/],
    [67, 'io', /is not connected any more/],
    [126, 'denied', /encrypted and locked/],
    [12, 'busy', /out of memory/],
    [75, 'too-large', /cannot hold a file of this size/],
    [95, 'denied', /is not able to do this/],
    [134, 'io', /failed \(error 134\)/],
    [35, 'io', /failed \(EDEADLK\)/],
  ])('number %i is %s', (number, code, message) => {
    const error = diskError(nodeError(number), 'x');
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('EINVAL for a name is a name that the file system does not take', () => {
    expect(diskError(nodeError(22, 'open'), 'a:b')).toMatchObject({ code: 'bad-name' });
    expect(diskError(nodeError(22, 'write'), 'x')).toMatchObject({ code: 'io' });
  });
});

describe('diskError', () => {
  it.each([
    ['ENOSPC', 'no-space'],
    ['EACCES', 'denied'],
    ['EPERM', 'denied'],
    ['EROFS', 'denied'],
    ['ENAMETOOLONG', 'bad-name'],
    ['ENOTDIR', 'bad-parent'],
    ['ELOOP', 'bad-parent'],
    ['EISDIR', 'exists'],
    ['EFBIG', 'too-large'],
    ['EIO', 'io'],
  ])('tells %s as %s, in one sentence without the receiver’s own paths', (errno, code) => {
    const cause = systemError(errno);
    const error = diskError(cause, 'd/x');
    expect(error).toMatchObject({ code, cause });
    expect(error.message).toMatch(/^d\/x: [^/]+\.$/);
  });

  it.each(['open', 'mkdir', 'link'])(
    'tells at %s that a disk without room for bytes and one without inodes are two',
    (syscall) => {
      const error = diskError(Object.assign(systemError('ENOSPC'), { syscall }), 'x');
      expect(error).toMatchObject({
        code: 'no-space',
        message: "x: the receiver's disk can take no more files; remove some there, then send again.",
      });
      expect(diskError(Object.assign(systemError('ENOSPC'), { syscall: 'write' }), 'x').message).toMatch(/is full/);
    },
  );

  it('tells of a name that is too long that it may be so with a number only, and what to do', () => {
    expect(diskError(systemError('ENAMETOOLONG'), 'x').message).toBe(
      "x: the name or path is too long for the receiver's system, perhaps only with the number that a taken name gets; give it a shorter one.",
    );
  });

  it('tells anything else as io', () => {
    expect(diskError(systemError('EWEIRD'), 'x')).toMatchObject({
      code: 'io',
      message: "x: the receiver's disk failed (EWEIRD).",
    });
    expect(diskError('text', 'x')).toMatchObject({ code: 'io', cause: 'text' });
  });

  it('leaves an FtxError as it is', () => {
    const error = new FtxError('exists', 'said already');
    expect(diskError(error, 'x')).toBe(error);
  });
});

describe('what is shown', () => {
  it('shortens long paths and mends broken ones', () => {
    expect(showPath('a/b')).toBe('a/b');
    expect(showPath(`begin${'x'.repeat(4000)}end`)).toMatch(/^begin.{193}end$/);
    expect(showPath('\ud800')).toBe('\ufffd');
  });
});
