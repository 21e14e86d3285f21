import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openFolderInbox } from '../../../src/storage/inbox/inbox.js';
import { offerDirectory, offerFile, offerLink, receiveFile, refusal } from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';

async function openInbox(dir: string, ledger: boolean) {
  const limits = { maxSize: Infinity, maxFiles: Infinity, quota: undefined, sync: true, keepPartsMs: Infinity, ledger };
  const inbox = await openFolderInbox({ dir, ...limits });
  onTestFinished(() => inbox.close());
  const bringer = { kind: 'none', address: '192.0.2.7' } as const;
  return () => inbox.session({ bringer, isKnown: false, onConflict: 'rename', isResumable: true });
}

it.each([
  ['with a ledger', true],
  ['without a ledger', false],
])(
  'a folder that took the place of the receive folder gets nothing, and the old one goes on (%s)',
  async (_, ledger) => {
    const parent = await tempDir();
    const dir = join(parent, 'in');
    const session = await openInbox(dir, ledger);
    await receiveFile(session(), 'a', Buffer.from('1'));
    expect(await session().plan(true).total()).toEqual({ needed: 0, free: expect.any(Number) as number });
    await rename(dir, join(parent, 'away'));
    await mkdir(dir);
    const sink = session();
    await expect(sink.open(offerFile('b', 1))).rejects.toThrow(refusal('io'));
    await expect(sink.place(offerDirectory('d'))).rejects.toThrow(refusal('io'));
    await expect(sink.place(offerLink('l', 'x'))).rejects.toThrow(refusal('io'));
    const plan = sink.plan(true);
    await expect(plan.add(offerFile('b', 1))).rejects.toThrow(refusal('io'));
    expect(await plan.total()).toEqual({ needed: 0, free: null });
    expect(await readdir(dir)).toEqual([]);
    await rm(dir, { recursive: true });
    expect(await plan.total()).toEqual({ needed: 0, free: null });
    await expect(sink.open(offerFile('b', 1))).rejects.toThrow(refusal('io'));
    await rename(join(parent, 'away'), dir);
    expect(await receiveFile(session(), 'b', Buffer.from('1'))).toBe('b');
    expect(await readNames(dir)).toEqual(['a', 'b']);
  },
);

it('a pipe in the place of a file of the ledger keeps nobody waiting', async () => {
  const dir = await tempDir();
  await receiveFile((await openInbox(dir, true))(), 'a', Buffer.from('1'));
  const ledger = join(dir, '.ftx-ledger');
  for (const name of await readdir(ledger)) {
    await rm(join(ledger, name));
    execFileSync('mkfifo', [join(ledger, name)]);
  }
  const session = await openInbox(dir, true);
  expect(await receiveFile(session(), 'a', Buffer.from('1'))).toBe('a');
  expect(await receiveFile(session(), 'b', Buffer.from('2'))).toBe('b');
});
