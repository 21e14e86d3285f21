import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import {
  appendFile,
  chmod,
  lstat,
  open,
  realpath,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { Source } from '../../../src/core/source.js';
import { readFile } from '../../../src/storage/disk/read-file.js';
import { createFileSource } from '../../../src/storage/source/file-source.js';
import { refusal } from '../../contract/sink.contract.js';
import { copyBlocks, describeSource } from '../../contract/source.contract.js';
import { makeContent, setTime, tempDir } from '../../support/folders.js';

async function makeFile(content: Uint8Array): Promise<string> {
  const file = join(await tempDir(), 'x');
  await writeFile(file, content);
  // Not now: a change within the clock tick of the file's own time would not show.
  await setTime(file, 1_500_000_000);
  return file;
}

async function offerFile(file: string): Promise<Source> {
  return createFileSource({ file, path: 'd/x', stats: await lstat(file, { bigint: true }) });
}

describeSource('the file source', {
  repeatable: true,
  make: async (content) => offerFile(await makeFile(content)),
});

async function findHandlePrototype(): Promise<FileHandle> {
  const handle = await open('/dev/null');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

async function spyOnReads() {
  return vi.spyOn(await findHandlePrototype(), 'read');
}

afterEach(() => void vi.restoreAllMocks());

const MIB3 = 3 * BLOCK_BYTES;

describe('a file that changes after it was offered', () => {
  const changes: readonly [change: string, says: RegExp, change: (file: string) => Promise<void>][] = [
    ['shrinks', /shrank from \d+ to 5 bytes/, (file) => truncate(file, 5)],
    ['shrinks to nothing', /shrank from \d+ to 0 bytes/, (file) => truncate(file, 0)],
    ['grows', /grew from \d+ to \d+ bytes/, (file) => appendFile(file, 'x')],
    [
      'is modified',
      /was modified/,
      async (file) => {
        const handle = await open(file, 'r+');
        await handle.write(Buffer.from('other'), 0, 5, 5);
        await handle.close();
      },
    ],
    [
      'is replaced by another of the same size and time',
      /was replaced/,
      async (file) => {
        await writeFile(`${file}.new`, Buffer.alloc((await lstat(file)).size));
        await setTime(`${file}.new`, 1_500_000_000);
        await rename(`${file}.new`, file);
      },
    ],
    [
      'is replaced by a link to itself',
      /was replaced/,
      async (file) => {
        await rename(file, `${file}.moved`);
        await symlink(`${file}.moved`, file);
      },
    ],
    ['is removed', /was removed/, (file) => rm(file)],
  ];

  const sizes = [10, MIB3];
  it.each(sizes.flatMap((size) => changes.map(([name, ...rest]) => [name, size, ...rest] as const)))(
    '%s before it is read, with %i bytes',
    async (_, size, says, change) => {
      const file = await makeFile(Buffer.alloc(size));
      const source = await offerFile(file);
      await change(file);
      const reading = copyBlocks(source, 0);
      await expect(reading).rejects.toThrow(refusal('changed'));
      await expect(reading).rejects.toThrow(says);
    },
  );

  it.each(changes)('%s while it is being read', async (_, says, change) => {
    const file = await makeFile(Buffer.alloc(MIB3));
    const source = await offerFile(file);
    const read = async (): Promise<void> => {
      let first = true;
      for await (const block of source.blocks(0)) {
        expect(block.length).toBeGreaterThan(0);
        if (first) await change(file);
        first = false;
      }
    };
    const reading = read();
    await expect(reading).rejects.toThrow(refusal('changed'));
    await expect(reading).rejects.toThrow(says);
  });

  it('grows while it is empty', async () => {
    const file = await makeFile(Buffer.alloc(0));
    const source = await offerFile(file);
    await writeFile(file, 'x');
    await expect(copyBlocks(source, 0)).rejects.toThrow(
      'd/x: the file grew from 0 to 1 bytes while it was being sent.',
    );
  });

  it('is replaced by a pipe that nobody writes to', async () => {
    const file = await makeFile(Buffer.from('1'));
    const source = await offerFile(file);
    await rm(file);
    execFileSync('mkfifo', [file]);
    await expect(copyBlocks(source, 0)).rejects.toThrow(refusal('changed'));
  });
});

describe('a file that is touched while it is read', () => {
  it.each<[touch: string, touch: (file: string) => Promise<void>]>([
    ['gets other permissions', async (file) => chmod(file, (await lstat(file)).mode ^ 0o4)],
    [
      'gets other content, and its time back',
      async (file) => {
        await writeFile(file, Buffer.alloc((await lstat(file)).size, 1), { flag: 'r+' });
        await setTime(file, 1_500_000_000);
      },
    ],
  ])('%s: it has changed', async (_, touch) => {
    const file = await makeFile(Buffer.alloc(MIB3));
    const { ctimeNs } = await lstat(file, { bigint: true });
    const read = async () => {
      for await (const block of (await offerFile(file)).blocks(0)) {
        expect(block.length).toBeGreaterThan(0);
        // Once is not enough within one tick of the clock.
        do await touch(file);
        while ((await lstat(file, { bigint: true })).ctimeNs === ctimeNs);
      }
    };
    await expect(read()).rejects.toThrow('d/x: the file was touched while it was being sent. Send it again.');
  });
});

/** Files whose content is not as long as their size: 0 in /proc, and a page or 64 KiB in /sys. */
const UNSIZED = ['/proc/version', '/proc/self/status', '/proc/self/net/dev', '/sys/class/net/lo/mtu'];

describe.skipIf(!existsSync('/proc/version'))('a file whose size is not the length of its content', () => {
  const says =
    'd/x: its size is not known before it is read, as in /proc. Send it by: cat FILE | ftx send - --name NAME';

  it.each(UNSIZED.filter((file) => existsSync(file)))(
    '%s cannot be read as a file, at once or in blocks',
    async (path) => {
      const file = await realpath(path);
      const source = await offerFile(file);
      const known = { file, path: 'd/x', stats: await lstat(file, { bigint: true }) };
      for (const blocks of [(from: number) => source.blocks(from), (from: number) => readFile(known, from)]) {
        const reading = copyBlocks({ ...source, blocks }, 0);
        await expect(reading).rejects.toThrow(refusal('unreadable'));
        await expect(reading).rejects.toThrow(says);
      }
    },
  );

  it('an empty file of a disk is read, also when its time has changed', async () => {
    const file = await makeFile(Buffer.alloc(0));
    const source = await offerFile(file);
    await setTime(file, 1_600_000_000);
    expect(await copyBlocks(source, 0)).toEqual([]);
  });
});

describe('how a file is read', () => {
  it('has the next block under way while the consumer has one, and no more', async () => {
    const reads = await spyOnReads();
    const source = await offerFile(await makeFile(makeContent(5 * BLOCK_BYTES)));
    const blocks = source.blocks(0)[Symbol.asyncIterator]();
    for (const under of [2, 3, 4, 5, 5]) {
      await blocks.next();
      await Promise.all(reads.mock.results.map(({ value }) => value as Promise<unknown>));
      expect(reads.mock.calls).toHaveLength(under);
    }
    await blocks.return?.();
  });

  it('uses three buffers in turn, and for a small file one of its size', async () => {
    const reads = await spyOnReads();
    const buffers = (): Set<unknown> => new Set(reads.mock.calls.map(([view]) => (view as unknown as Buffer).buffer));
    await copyBlocks(await offerFile(await makeFile(makeContent(6 * BLOCK_BYTES + 5))), 0);
    expect(buffers().size).toBe(3 + 1);
    reads.mockClear();
    await copyBlocks(await offerFile(await makeFile(makeContent(128 * 1024))), 0);
    // The one byte is for the look behind the end.
    expect([...buffers()].map((buffer) => (buffer as ArrayBuffer).byteLength)).toEqual([128 * 1024, 1]);
  });

  it('puts together what the system hands out in pieces', async () => {
    const real = Reflect.get(await findHandlePrototype(), 'read') as (...args: unknown[]) => Promise<never>;
    const content = makeContent(BLOCK_BYTES + 1025);
    const source = await offerFile(await makeFile(content));
    (await spyOnReads()).mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const [buffer, offset, length, position] = args as [Buffer, number, number, number];
      return real.call(this, buffer, offset, Math.min(length, 99_991), position);
    });
    expect(Buffer.concat(await copyBlocks(source, 0)).equals(content)).toBe(true);
  });

  it('reports a failing disk as io', async () => {
    const source = await offerFile(await makeFile(Buffer.alloc(MIB3)));
    const reads = await spyOnReads();
    reads.mockRejectedValue(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }));
    await expect(copyBlocks(source, 0)).rejects.toThrow(refusal('io'));
  });

  it('closes the file, however the reading ends', async () => {
    const file = await makeFile(makeContent(MIB3));
    const source = await offerFile(file);
    const before = countOpenFiles(file);
    await copyBlocks(source, 0);
    for await (const block of source.blocks(0)) {
      expect(block.length).toBe(BLOCK_BYTES);
      expect(countOpenFiles(file)).toBe(before + 1);
      break;
    }
    await truncate(file, 5);
    await expect(copyBlocks(source, 0)).rejects.toThrow(refusal('changed'));
    source.blocks(0);
    expect(countOpenFiles(file)).toBe(before);
  });
});

function countOpenFiles(file: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  }).length;
}

describe('the allocated bytes', () => {
  const allocatedOf = async (size: number, blocks: number) => {
    const stats = await lstat(await makeFile(new Uint8Array()), { bigint: true });
    const known = Object.assign(stats, { size: BigInt(size), blocks: BigInt(blocks) });
    return createFileSource({ file: 'x', path: 'x', stats: known }).entry.allocated;
  };

  it.each<[string, size: number, blocks: number, allocated: number | undefined]>([
    ['of a file of nothing but a hole', 8 * BLOCK_BYTES, 0, 0],
    ['of a file with holes', 8 * 1024 ** 3, 8, 4096],
    ['of a file that lacks one byte of its size', 513, 1, 512],
    ['of a file that is whole', 512, 1, undefined],
    ['of a file in whole blocks of the disk', 5, 8, undefined],
    ['of an empty file', 0, 0, undefined],
  ])('%s are told if they are fewer than its size', async (_, size, blocks, allocated) => {
    expect(await allocatedOf(size, blocks)).toBe(allocated);
  });
});
