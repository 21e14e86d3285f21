import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BLOCK_BYTES, MIN_RESUMABLE_BYTES } from '../../../src/core/entry.js';
import { countBytes } from '../../../src/storage/inbox/folder-count.js';
import { openFolderInbox, type FolderInbox, type FolderInboxOptions } from '../../../src/storage/inbox/inbox.js';
import { describeInbox } from '../../contract/inbox.contract.js';
import { expectPart, offerFile, receiveFile, refusal } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { onDisk } from '../../support/on-disk.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const NOBODY = { kind: 'none', address: '192.0.2.7' } as const;

async function openInbox(dir: string, options: Partial<FolderInboxOptions> = {}) {
  const limits = {
    maxSize: Infinity,
    maxFiles: Infinity,
    quota: undefined,
    sync: true,
    keepPartsMs: DAY_MS,
    ledger: false,
  };
  const inbox = await openFolderInbox({ dir, ...limits, ...options });
  onTestFinished(() => inbox.close());
  return inbox;
}

describeInbox('the folder', { ...onDisk, openInbox });

it('shares one quota between its sessions', async () => {
  const inbox = await openInbox(await tempDir(), { quota: 2 * 4096 - 1 });
  const session = () => inbox.session({ bringer: NOBODY, isKnown: false, onConflict: 'rename', isResumable: true });
  await receiveFile(session(), 'x', Buffer.from('six by'));
  await expect(receiveFile(session(), 'y', Buffer.from('five!'))).rejects.toThrow(refusal('no-space'));
});

it('removes at its start a transfer that nobody has gone on with for longer than it keeps them', async () => {
  const dir = await tempDir();
  const first = await openInbox(dir);
  const sink = first.session({ bringer: NOBODY, isKnown: false, onConflict: 'rename', isResumable: true });
  const part = expectPart(await sink.open(offerFile('film', MIN_RESUMABLE_BYTES)));
  await part.write(new Uint8Array(BLOCK_BYTES), 0);
  part.confirm(0, 7n);
  await part.suspend();
  for (const name of await readdir(dir)) await utimes(join(dir, name), 0, 0);
  await openInbox(dir);
  await expect.poll(() => readdir(dir)).toEqual([]);
});

describe('the quota', () => {
  const sinkOf = (inbox: FolderInbox, sender: number) =>
    inbox.session({
      bringer: { kind: 'key', id: `sha256:${sender.toString(16).padStart(64, '0')}` },
      ...({ isKnown: false, onConflict: 'rename', isResumable: false } as const),
    });

  it('has a small part for what the ledger remembers, so that nobody is kept out later', async () => {
    const dir = await tempDir();
    const options = { quota: 1024 * 1024, ledger: true };
    const inbox = await openInbox(dir, options);
    // The same small files again and again, each time by another sender.
    for (let sender = 0; sender < 60; sender += 1)
      for (let file = 0; file < 20; file += 1) await receiveFile(sinkOf(inbox, sender), `d/${file}`, Buffer.from('x'));
    expect((await countBytes(dir)).bytes).toBeLessThan(256 * 1024);
    const next = await openInbox(dir, options);
    expect(await receiveFile(sinkOf(next, 0), 'later', Buffer.alloc(300_000, 1))).toBe('later');
  });

  it('has no room for records either once it is full', async () => {
    const dir = await tempDir();
    const inbox = await openInbox(dir, { quota: 64 * 1024, ledger: true });
    for (let file = 0; file < 20; file += 1)
      await receiveFile(sinkOf(inbox, 1), `${file}`, Buffer.from('x')).catch(() => undefined);
    for (let sender = 0; sender < 40; sender += 1)
      await receiveFile(sinkOf(inbox, sender), '0', Buffer.from('x')).catch(() => undefined);
    expect((await countBytes(dir)).bytes).toBeLessThanOrEqual(64 * 1024);
  });
});
