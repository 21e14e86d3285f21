/** What the commit of a file tells of it, and what cannot make the commit fail any more. */
import { chmodSync, constants, fchmodSync, fstatSync, fsync, lstatSync, openSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openDiskFile } from '../../../src/storage/disk/disk-file.js';
import { DURABLE, LEFT_TO_THE_SYSTEM, type Durability } from '../../../src/storage/disk/durability.js';
import { commitFile } from '../../../src/storage/inbox/commit.js';
import { createEntryRoom } from '../../../src/storage/inbox/entry-room.js';
import { createFolders } from '../../../src/storage/inbox/folders.js';
import { createMadeFolders } from '../../../src/storage/inbox/made-folders.js';
import type { ConflictPolicy } from '../../../src/storage/names/conflict.js';
import { parsePath } from '../../../src/storage/names/safe-path.js';
import { offerFile } from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';

// So that single calls can be made to fail; each does the real thing until told otherwise.
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const { fchmodSync, fstatSync, fsync, openSync } = real;
  return {
    ...real,
    ...{ fchmodSync: vi.fn(fchmodSync), fstatSync: vi.fn(fstatSync), fsync: vi.fn(fsync), openSync: vi.fn(openSync) },
  };
});

afterEach(() => {
  for (const call of [fchmodSync, fstatSync, fsync, openSync]) vi.mocked(call).mockReset();
});

const POLICIES: readonly ConflictPolicy[] = ['rename', 'overwrite', 'skip', 'fail'];

/** Commits `data` as `f`. */
async function commit(dir: string, policy: ConflictPolicy, mode: number, durability?: Durability) {
  const [made, room] = [createMadeFolders(dir, 'sender'), createEntryRoom({})];
  const folders = createFolders({ root: dir, durability: durability ?? DURABLE, made, room });
  const place = await folders.find(parsePath('f'));
  try {
    const path = join(dir, '.ftx-test.part');
    const file = await openDiskFile(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
    await file.write(Buffer.from('data'), 0, 4, 0);
    return await commitFile({ file, path }, place, policy, offerFile('f', 4, { mode }));
  } finally {
    place.release();
  }
}

function look(path: string) {
  const { ino, mode, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
  return { ino, mode: mode & 0o7777n, size, mtimeNs, ctimeNs };
}

describe('a file of the same content that another receiver is still finishing', () => {
  /** The other receiver removes the name of its part, or sets the last mode, while this one waits for its disk. */
  function touchMeanwhile(path: string, times: number): Durability {
    let touched = 0;
    return {
      ...DURABLE,
      async file(handle) {
        await DURABLE.file(handle);
        if (touched < times && fstatSync(handle.fd).ino === lstatSync(path).ino)
          chmodSync(path, 0o600 + (touched += 1));
      },
    };
  }

  it.each(['rename', 'skip', 'fail'] as const)('is there already (%s)', async (policy) => {
    for (const times of [1, 3]) {
      const dir = await tempDir();
      await writeFile(join(dir, 'f'), 'data');
      const placed = await commit(dir, policy, 0o600, touchMeanwhile(join(dir, 'f'), times));
      expect(placed).toMatchObject({ as: 'f', already: true });
      expect(await readNames(dir)).toEqual(['f']);
    }
  });

  it('counts as another one when it is touched without end', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'f'), 'data');
    expect((await commit(dir, 'rename', 0o600, touchMeanwhile(join(dir, 'f'), 60))).as).toBe('f (1)');
  });
});

describe('a commit tells what the file is after the last step', () => {
  const CASES = POLICIES.flatMap((policy) => [0o644, 0o600, 0o444, 0o000].map((mode) => [policy, mode] as const));

  it.each(CASES)('%s, mode %i', async (policy, mode) => {
    const dir = await tempDir();
    const { as, stats } = await commit(dir, policy, mode);
    const left = look(join(dir, as));
    expect(left).toMatchObject({ mode: BigInt(mode), size: 4n });
    expect(stats).toMatchObject({ ...left, mode: BigInt(mode) | 0o100000n });
  });

  it.each(CASES.filter(([policy]) => policy !== 'overwrite'))('--no-sync: %s, mode %i', async (policy, mode) => {
    const dir = await tempDir();
    const { as, stats } = await commit(dir, policy, mode, LEFT_TO_THE_SYSTEM);
    expect(stats).toMatchObject({ ctimeNs: look(join(dir, as)).ctimeNs });
  });

  it('under a numbered name', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'f'), 'else');
    const { as, stats } = await commit(dir, 'rename', 0o444);
    expect(as).toBe('f (1)');
    expect(stats).toMatchObject({ ino: look(join(dir, 'f (1)')).ino });
  });

  it.each(['f', 'f (2)'])('and the one of the same content that is there: %s', async (name) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'f'), 'else');
    await writeFile(join(dir, name), 'data');
    const { as, already, stats } = await commit(dir, 'rename', 0o600);
    expect({ as, already }).toEqual({ as: name, already: true });
    expect(stats).toMatchObject({ ino: look(join(dir, name)).ino, ctimeNs: look(join(dir, name)).ctimeNs });
  });

  it('wherever it has been moved to by then', async () => {
    const dir = await tempDir();
    const elsewhere = join(await tempDir(), 'moved');
    const folder = () => rename(join(dir, 'f'), elsewhere);
    const { as, stats } = await commit(dir, 'rename', 0o444, { ...LEFT_TO_THE_SYSTEM, folder });
    expect(as).toBe('f');
    expect(stats).toMatchObject({ ...look(elsewhere), mode: 0o100444n });
    expect(look(elsewhere).mode).toBe(0o444n);
  });
});

describe('a file that is stored does not fail any more', () => {
  function fail(call: (...args: never[]) => unknown, code: string): void {
    vi.mocked(call).mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
  }

  /** Commits a read-only file, and lets the system fail after the name is durable. */
  async function commitThenFail(dir: string, breakSystem: () => void) {
    const folder = () => Promise.resolve(breakSystem());
    const descriptor = () => new Promise<void>((done, failed) => fsync(0, (error) => (error ? failed(error) : done())));
    return commit(dir, 'rename', 0o444, { ...LEFT_TO_THE_SYSTEM, folder, descriptor });
  }

  it.each([
    ['its event', () => fail(openSync, 'EMFILE')],
    ['its event, by a program that is being run', () => fail(openSync, 'ETXTBSY')],
    ['its last mode', () => fail(fchmodSync, 'EIO')],
    ['the sync of its last mode', () => fail(fsync, 'EIO')],
    ['the last look at it', () => fail(fstatSync, 'ESTALE')],
  ] as const)('at %s', async (_, breakSystem) => {
    const dir = await tempDir();
    expect(await commitThenFail(dir, breakSystem)).toMatchObject({ as: 'f' });
    expect(await readNames(dir)).toEqual(['f']);
  });
});

it('a commit that fails after the file was moved away leaves what has its name now', async () => {
  const dir = await tempDir();
  const folder = async () => {
    await rename(join(dir, 'f'), join(dir, 'moved'));
    await writeFile(join(dir, 'f'), 'of another program');
    throw new Error('injected');
  };
  await expect(commit(dir, 'rename', 0o644, { ...LEFT_TO_THE_SYSTEM, folder })).rejects.toThrow('injected');
  expect(await readNames(dir)).toEqual(['f', 'moved']);
});
