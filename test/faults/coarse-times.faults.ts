/** Disks that keep no more than seconds of a time. */
import { mkdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStoredNames, tempDir, writeContent } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { mountImage } from '../support/mounts.js';
import { runFtx } from '../support/processes.js';

const MIB = 1024 * 1024;
const NAMES = ['tree', 'tree/1', 'tree/2', 'tree/big'];

/** Times with a fraction that the disk does not keep. */
async function makeTree(): Promise<string> {
  const tree = join(await tempDir(), 'tree');
  await mkdir(tree);
  for (const [name, size] of [
    ['1', 1000],
    ['2', 70_000],
    ['big', 9 * MIB + 5],
  ] as const) {
    await writeContent(join(tree, name), size);
    await utimes(join(tree, name), 1_700_000_001.987_654, 1_700_000_001.987_654);
  }
  return tree;
}

const DISKS: [string, ...string[]][] = [
  ['ext4 with small inodes', 'mkfs.ext4', '-q', '-I', '128'],
  ['FAT', 'mkfs.vfat'],
  ['exFAT', 'mkfs.exfat'],
];
const WAYS = [
  ['with a ledger', [], []],
  ['without a ledger', ['--no-ledger'], []],
  ['without encryption', ['--plain'], ['--plain']],
] as const;

describe.each(DISKS)('on %s', (_, make, ...args) => {
  it.for(WAYS)('a tree that is sent again is all there already, %s', async ([, atReceiver, atSender], context) => {
    const { dir } = await mountImage(context, make, ...args);
    const inbox = join(dir, 'in');
    const receiver = await startReceiver(['--dir', inbox, ...atReceiver]);
    const tree = await makeTree();
    const [home, other] = [await tempDir(), await tempDir()];
    for (const [times, FTX_HOME] of [home, home, other].entries()) {
      const sent = ['send', tree, '--to', receiver.address, '--json', ...atSender];
      const { status, stderr, stdout } = await runFtx(sent, { env: { FTX_HOME } });
      expect(status, stderr).toBe(0);
      const stored = stdout.split('\n').filter((line) => line.includes('"type":"stored"'));
      const already = stored.filter((line) => line.includes('"already":true'));
      expect(stored).toHaveLength(NAMES.length);
      // The folder is its sender's, and gets its time each time.
      expect(already.length).toBeGreaterThanOrEqual(times === 0 ? 0 : NAMES.length - 1);
      expect(await readStoredNames(inbox)).toEqual(NAMES);
    }
  });
});
