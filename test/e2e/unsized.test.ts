/** Files whose size is not the length of their content: nothing of them is stored, and the user is told the way. */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readStoredNames } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { endOf, repository, startProgram } from '../support/processes.js';

const FILES = ['/proc/version', '/sys/class/net/lo/mtu'].filter((file) => existsSync(file));

it.each(FILES.flatMap((file) => ['--plain', '--classic'].map((mode) => [file, mode] as const)))(
  '%s is not stored, with %s and status 66',
  async (file, mode) => {
    const receiver = await startReceiver(['--plain']);
    const args = ['dist/cli/main.js', 'send', file, mode, '--to', receiver.address];
    const exit = await endOf(startProgram(process.execPath, args, { cwd: repository }));
    expect(exit.status, exit.stderr).toBe(66);
    expect(exit.stderr).toContain('its size is not known before it is read, as in /proc. Send it by: cat FILE | ftx');
    expect(await readStoredNames(receiver.dir)).toEqual([]);
  },
);
