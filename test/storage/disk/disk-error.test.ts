import { describe, expect, it } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import { diskError, showBytes, showPath } from '../../../src/storage/disk/disk-error.js';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something, write '/secret/folder'`), { code });
}

describe('diskError', () => {
  it.each([
    ['ENOSPC', 'no-space'],
    ['EDQUOT', 'no-space'],
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
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [2, '2 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [10 * 1024 ** 3, '10 GiB'],
    [Number.MAX_SAFE_INTEGER, '8 PiB'],
  ])('of %i it says %s', (bytes, text) => {
    expect(showBytes(bytes)).toBe(text);
  });

  it('shortens long paths and mends broken ones', () => {
    expect(showPath('a/b')).toBe('a/b');
    expect(showPath(`begin${'x'.repeat(4000)}end`)).toMatch(/^begin.{193}end$/);
    expect(showPath('\ud800')).toBe('\ufffd');
  });
});
