import { lstat, mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import {
  describeSink,
  expectPart,
  offerDirectory,
  offerFile,
  offerLink,
  receiveFile,
  refusal,
} from '../../contract/sink.contract.js';
import { toAlignedMemory } from '../../support/aligned-memory.js';
import { readNames, tempDir } from '../../support/folders.js';
import { onDisk } from '../../support/on-disk.js';

describeSink('the file sink past the page cache', { ...onDisk, toMemory: toAlignedMemory });

function makeSink(dir: string, options: Partial<FileSinkOptions> = {}) {
  return createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, ...options });
}

describe('a name of 255 bytes', () => {
  it('is received, and again under a shortened one', async () => {
    const dir = await tempDir();
    const name = `${'ä'.repeat(125)}a.jpg`;
    expect(Buffer.byteLength(name)).toBe(255);
    expect(await receiveFile(makeSink(dir), name, Buffer.from('1'))).toBe(name);
    expect(await receiveFile(makeSink(dir), name, Buffer.from('2'))).toBe(`${'ä'.repeat(123)} (1).jpg`);
  });
});

describe('a path that is too long for the system', () => {
  it.each([4000, 4095, 4096, 65_000])('of %i bytes makes no folder', async (bytes) => {
    const dir = join(await tempDir(), 'x'.repeat(200));
    await mkdir(dir);
    const path = `${'d/'.repeat(bytes / 2 - 1)}xx`;
    await expect(makeSink(dir).open(offerFile(path, 1))).rejects.toThrow(refusal('bad-name'));
    await expect(makeSink(dir).place(offerDirectory(path))).rejects.toThrow(refusal('bad-name'));
    expect(await readNames(dir)).toEqual([]);
  });
});

describe('a part file', () => {
  it('is not there before the first write, then private and beside the target', async () => {
    const dir = await tempDir();
    const part = expectPart(await makeSink(dir).open(offerFile('d/x', 4)));
    expect(await readNames(dir)).toEqual(['d']);
    await part.write(Buffer.from('data'), 0);
    const [, name] = await readNames(dir);
    expect(name).toMatch(/^d\/\.ftx-[0-9a-f-]{30,}\.part$/);
    expect((await lstat(join(dir, name!))).mode & 0o777).toBe(0o600);
    await part.discard();
  });

  it('is gone after a discard while it is being written', async () => {
    const dir = await tempDir();
    const part = expectPart(await makeSink(dir).open(offerFile('x', null)));
    const writes = [0, 1, 2, 3].map((number) => part.write(Buffer.alloc(1024 * 1024, 1), number * 1024 * 1024));
    await Promise.all([part.discard(), part.discard(), Promise.allSettled(writes)]);
    expect(await readNames(dir)).toEqual([]);
  });

  it('is gone, or stored whole, after a discard while it is being committed', async () => {
    const dir = await tempDir();
    const part = expectPart(await makeSink(dir).open(offerFile('x', 4)));
    await part.write(Buffer.from('data'), 0);
    const commit = part.commit(4);
    await part.discard();
    expect(await commit).toEqual({ as: 'x' });
    expect(await readNames(dir)).toEqual(['x']);
  });

  it('is not committed after a write that failed', async () => {
    const dir = await tempDir();
    const part = expectPart(await makeSink(dir, { maxSize: 4 }).open(offerFile('x', null)));
    await part.write(Buffer.from('data'), 0);
    await expect(part.write(Buffer.from('more'), 4)).rejects.toThrow(refusal('too-large'));
    await expect(part.commit(4)).rejects.toThrow('x: is larger than the 4 B the receiver takes.');
    expect(await readNames(dir)).toEqual([]);
  });
});

describe('what a stored entry gets', () => {
  it('never includes setuid, setgid or sticky bits', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir, { isKnown: true });
    const part = expectPart(await sink.open(offerFile('x', 0, { mode: 0o7777 })));
    await part.commit(0);
    await sink.place(offerDirectory('d', { mode: 0o7777 }));
    expect((await lstat(join(dir, 'x'))).mode & 0o7777).toBe(0o777);
    expect((await lstat(join(dir, 'd'))).mode & 0o7777).toBe(0o777);
  });

  it.each([
    ['before 1970', -86_400_000_000_000n],
    ['to the microsecond', 1_600_000_000_123_457_000n],
    ['to the last nanosecond of a microsecond', 1_600_000_000_123_456_999n],
    ['to the first nanosecond of a microsecond', 1_600_000_000_123_457_001n],
    ['in the middle of a microsecond', 1_700_000_000_987_654_321n],
    ['a fraction before 1970', -86_400_000_000_001n],
    ['after 2038', 4_000_000_000_123_456_789n],
    ['the first moment', 0n],
  ])('is its time, %s', async (_, mtimeNs) => {
    const dir = await tempDir();
    await expectPart(await makeSink(dir).open(offerFile('x', 0, { mtimeNs }))).commit(0);
    const { mtimeNs: stored } = await lstat(join(dir, 'x'), { bigint: true });
    expect(stored / 1000n).toBe(mtimeNs / 1000n);
    // What is a number of seconds that floating point holds is exact.
    if (mtimeNs % 1_000_000_000n === 0n) expect(stored).toBe(mtimeNs);
  });

  it.each([10n ** 40n, -(10n ** 40n)])('may be a time of no meaning (%d)', async (mtimeNs) => {
    const dir = await tempDir();
    await expectPart(await makeSink(dir).open(offerFile('x', 0, { mtimeNs }))).commit(0);
    expect(await readNames(dir)).toEqual(['x']);
  });
});

describe('links that the peer has planted or found', () => {
  it('are not followed on the way, wherever they lead', async () => {
    const dir = await tempDir();
    const outside = await tempDir();
    await symlink(outside, join(dir, 'out'));
    await mkdir(join(dir, 'd'));
    await symlink('../d', join(dir, 'd', 'loop'));
    for (const path of ['out/x', 'out/a/b', 'd/loop/x']) {
      await expect(makeSink(dir).open(offerFile(path, 1))).rejects.toThrow(refusal('bad-parent'));
      await expect(makeSink(dir).place(offerDirectory(path))).rejects.toThrow(refusal('bad-parent'));
    }
    expect(await readNames(outside)).toEqual([]);
  });

  it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
    'are not written through at the target name (%s)',
    async (onConflict) => {
      const dir = await tempDir();
      const outside = join(await tempDir(), 'victim');
      await writeFile(outside, 'precious');
      await symlink(outside, join(dir, 'x'));
      const received = receiveFile(makeSink(dir, { onConflict }), 'x', Buffer.from('hostile!'));
      if (onConflict === 'skip' || onConflict === 'fail') await expect(received).rejects.toThrow(refusal('exists'));
      else expect(await received).toBe(onConflict === 'rename' ? 'x (1)' : 'x');
      expect(await readFile(outside, 'utf8')).toBe('precious');
    },
  );

  it('do not lend a folder their target', async () => {
    const dir = await tempDir();
    const outside = await tempDir();
    await symlink(outside, join(dir, 'd'));
    const before = await lstat(outside);
    await expect(makeSink(dir).place(offerDirectory('d', { mode: 0o777 }))).rejects.toThrow(refusal('exists'));
    expect((await lstat(outside)).mode).toBe(before.mode);
  });
});

describe('a folder that many sessions make at once', () => {
  it('is made once and belongs to one of them', async () => {
    const dir = await tempDir();
    const sinks = Array.from({ length: 20 }, () => makeSink(dir));
    await Promise.all(sinks.map((sink, n) => receiveFile(sink, `a/b/c/${n}`, Buffer.from('1'))));
    const modes = sinks.map((_, n) => 0o700 + n);
    const seen = new Set<number>();
    for (const [n, sink] of sinks.entries()) {
      await sink.place(offerDirectory('a/b/c', { mode: modes[n]! }));
      seen.add((await lstat(join(dir, 'a/b/c'))).mode & 0o777);
    }
    expect(await readNames(join(dir, 'a/b/c'))).toHaveLength(20);
    // What it was made with, and what its one owner gave it.
    expect(seen.size).toBeLessThanOrEqual(2);
    expect([...seen].filter((mode) => modes.includes(mode))).toHaveLength(1);
  });
});

describe('what a refusal says', () => {
  it.each([
    ['too-large', offerFile('big.iso', 3 * 1024 ** 3), 'big.iso: is 3 GiB, more than the 1.5 MiB the receiver takes.'],
    ['exists', offerFile('there', 9), 'there: something of that name is there already and is not replaced.'],
    ['bad-parent', offerFile('there/x', 1), 'there: "there" is there already and is not a folder.'],
    ['exists', offerDirectory('there'), 'there: something other than a folder is there already and is not replaced.'],
    ['bad-link', offerLink('l', 'x'), 'l: its target "x" points outside the folder it came in.'],
  ] as const)('%s', async (code, offer, message) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'there'), '1');
    const sink = makeSink(dir, { isKnown: true, onConflict: 'skip', maxSize: 1.5 * 1024 ** 2 });
    const attempt = offer.kind === 'file' ? sink.open(offer) : sink.place(offer);
    await expect(attempt).rejects.toThrow(expect.objectContaining({ code, message }) as Error);
  });
});

it('what a stranger has compared ends with its session, however much is left to read', async () => {
  const dir = await tempDir();
  const size = 4 * 1024 ** 3;
  await writeFile(join(dir, 'x'), '');
  await truncate(join(dir, 'x'), size);
  const over = new AbortController();
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity });
  const part = expectPart(await sink.open(offerFile('x', size), undefined, over.signal));
  const compared = part.writeZeros(size, 0);
  over.abort(new FtxError('lost', 'over'));
  await expect(compared).rejects.toThrow('over');
  await part.discard();
  expect(await readNames(dir)).toEqual(['x']);
});
