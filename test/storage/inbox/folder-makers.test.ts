/** Who finishes a folder that a killed receiver has left unfinished, and who changes one that is finished. */
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Bringer } from '../../../src/core/inbox.js';
import type { FolderInboxOptions } from '../../../src/storage/inbox/inbox.js';
import { offerDirectory, receiveFile } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

beforeEach((context) => {
  if (process.platform === 'win32') skipTest(context, 'Windows has no permission bits');
});

const keyOf = (digit: string): Bringer => ({ kind: 'key', id: `sha256:${digit.repeat(64)}` });
const ANN = keyOf('a');
const BOB = keyOf('b');
const PLAIN: Bringer = { kind: 'none', address: '192.0.2.1' };
const NEIGHBOUR: Bringer = { kind: 'none', address: '192.0.2.2' };
/** An address that pretends to be the key. */
const LIAR: Bringer = { kind: 'none', address: `sha256:${'a'.repeat(64)}` };

/** Begins the next life of the receiver: what the last one had in memory is gone, as after kill -9. */
async function startLife(dir: string, options: Partial<FolderInboxOptions> = {}) {
  vi.resetModules();
  const { openFolderInbox } = await import('../../../src/storage/inbox/inbox.js');
  const limits = { maxSize: Infinity, maxFiles: Infinity, quota: undefined, keepPartsMs: Infinity };
  const inbox = await openFolderInbox({ dir, ...limits, sync: true, ledger: true, ...options });
  onTestFinished(() => inbox.close());
  return (bringer: Bringer, isKnown = true) =>
    inbox.session({ bringer, isKnown, onConflict: 'rename', isResumable: true });
}

const modeOf = (dir: string, path: string) => (lstatSync(join(dir, path)).mode & 0o7777).toString(8);

/** A receive folder in which the maker has brought `private/diary`, and the receiver was killed before it brought the rest. */
async function leaveUnfinished(maker: Bringer, options: Partial<FolderInboxOptions> = {}): Promise<string> {
  const dir = await tempDir();
  const session = (await startLife(dir, options))(maker);
  await receiveFile(session, 'private/sub/diary', Buffer.from('secret'));
  expect(['private', 'private/sub'].map((path) => modeOf(dir, path))).toEqual(['1700', '1700']);
  return dir;
}

const NO_LEDGER = { ledger: false };

describe('a folder that a killed receiver has left', () => {
  it.each<[string, Bringer, Bringer, Partial<FolderInboxOptions>]>([
    ['its maker', ANN, ANN, {}],
    ['the address that made it, without encryption', PLAIN, PLAIN, {}],
  ])('is finished by %s', async (_, maker, again, options) => {
    const dir = await leaveUnfinished(maker);
    const session = (await startLife(dir, options))(again);
    await receiveFile(session, 'private/sub/more', Buffer.from('more'));
    expect(await session.place(offerDirectory('private/sub', { mode: 0o711 }))).toEqual({ as: 'private/sub' });
    const offer = offerDirectory('private', { mode: 0o750 });
    expect(await session.place(offer)).toEqual({ as: 'private' });
    expect(['private', 'private/sub'].map((path) => modeOf(dir, path))).toEqual(['750', '711']);
    expect(lstatSync(join(dir, 'private'), { bigint: true }).mtimeNs).toBe(offer.mtimeNs);
  });

  it.each<[string, Bringer, Bringer, boolean, Partial<FolderInboxOptions>]>([
    ['another key that the receiver knows', ANN, BOB, true, {}],
    ['another key that nobody knows', ANN, BOB, false, {}],
    ['an address', ANN, PLAIN, false, {}],
    ['an address that looks like the key', ANN, LIAR, false, {}],
    ['another address', PLAIN, NEIGHBOUR, false, {}],
    ['a key after an address', PLAIN, ANN, true, {}],
    ['another key without a ledger', ANN, BOB, true, NO_LEDGER],
    ['its maker without a ledger, who cannot be told from others', ANN, ANN, true, NO_LEDGER],
  ])('stays closed, and as it is, for %s', async (_, maker, other, isKnown, options) => {
    const dir = await leaveUnfinished(maker, options);
    const before = lstatSync(join(dir, 'private'), { bigint: true });
    const session = (await startLife(dir, options))(other, isKnown);
    for (const path of ['private', 'private/sub']) {
      expect(await session.place(offerDirectory(path, { mode: 0o777 }))).toEqual({ as: path, already: true });
      expect(modeOf(dir, path)).toBe('1700');
    }
    expect(lstatSync(join(dir, 'private'), { bigint: true }).mtimeNs).toBe(before.mtimeNs);
    await receiveFile(session, 'private/planted', Buffer.from('planted'));
    session.finish();
    expect(['private', 'private/sub'].map((path) => modeOf(dir, path))).toEqual(['1700', '1700']);
  });

  it('is finished by its maker after others have tried, in this life and in the next', async () => {
    const dir = await leaveUnfinished(ANN);
    for (let life = 0; life < 2; life++) {
      const open = await startLife(dir);
      await receiveFile(open(BOB), 'private/planted', Buffer.from('planted'));
      await open(BOB).place(offerDirectory('private', { mode: 0o777 }));
    }
    await (await startLife(dir))(ANN).place(offerDirectory('private', { mode: 0o755 }));
    expect(modeOf(dir, 'private')).toBe('755');
  });

  it('stays closed when the ledger was removed, until the user opens it', async () => {
    const dir = await leaveUnfinished(ANN);
    rmSync(join(dir, '.ftx-ledger'), { recursive: true });
    const open = await startLife(dir);
    for (const who of [ANN, BOB]) await open(who).place(offerDirectory('private', { mode: 0o777 }));
    expect(modeOf(dir, 'private')).toBe('1700');
    chmodSync(join(dir, 'private'), 0o755);
    for (const who of [ANN, BOB]) await open(who).place(offerDirectory('private', { mode: 0o777 }));
    expect(modeOf(dir, 'private')).toBe('755');
  });

  it.each([
    ['its maker, once all is said', ANN, '755'],
    ['nobody else', BOB, '1700'],
  ])('and was never offered gets the mode of any new folder from %s', async (_, who, mode) => {
    const dir = await leaveUnfinished(ANN);
    const session = (await startLife(dir, { dirMode: 0o755 }))(who);
    await receiveFile(session, 'private/sub/more', Buffer.from('more'));
    session.finish();
    expect(['private', 'private/sub'].map((path) => modeOf(dir, path))).toEqual([mode, mode]);
  });

  it('gets the mode of any new folder also from a later session of its maker in the same life', async () => {
    const dir = await tempDir();
    const open = await startLife(dir, { dirMode: 0o755 });
    await receiveFile(open(ANN), 'trip/photo', Buffer.from('broke off'));
    const again = open(ANN);
    await receiveFile(again, 'trip/other', Buffer.from('more'));
    again.finish();
    expect(modeOf(dir, 'trip')).toBe('755');
  });
});

describe('a folder that is finished', () => {
  it.each([
    ['takes mode and time of its maker, also in a later life', ANN, '711'],
    ['takes none of another', BOB, '750'],
  ])('%s', async (_, who, mode) => {
    const dir = await leaveUnfinished(ANN);
    await (await startLife(dir))(ANN).place(offerDirectory('private', { mode: 0o750 }));
    await (await startLife(dir))(who).place(offerDirectory('private', { mode: 0o711 }));
    expect(modeOf(dir, 'private')).toBe(mode);
  });
});

describe('a folder that the user has made anew under the same name', () => {
  it.each([
    ['in the same life', false],
    ['in a later life', true],
  ])('is nobody’s %s', async (_, isLater) => {
    const dir = await tempDir();
    let open = await startLife(dir);
    await receiveFile(open(ANN), 'd/x', Buffer.from('broke off'));
    rmSync(join(dir, 'd'), { recursive: true });
    mkdirSync(join(dir, 'd'));
    chmodSync(join(dir, 'd'), 0o700);
    if (isLater) open = await startLife(dir);
    expect(await open(ANN).place(offerDirectory('d', { mode: 0o755 }))).toEqual({ as: 'd', already: true });
    expect(modeOf(dir, 'd')).toBe('700');
  });

  it('is not that of its last maker but one', async () => {
    const dir = await leaveUnfinished(BOB);
    rmSync(join(dir, 'private'), { recursive: true });
    await receiveFile((await startLife(dir))(ANN), 'private/diary', Buffer.from('secret'));
    const open = await startLife(dir);
    await open(BOB).place(offerDirectory('private', { mode: 0o777 }));
    expect(modeOf(dir, 'private')).toBe('1700');
    await open(ANN).place(offerDirectory('private', { mode: 0o755 }));
    expect(modeOf(dir, 'private')).toBe('755');
  });
});
