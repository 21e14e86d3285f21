/** The other machine is gone, and nobody says so: no FIN, no RST. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectFailure, expectTaken } from '../support/aftermath.js';
import { readStoredNames, tempDir, writeContent } from '../support/folders.js';
import { send } from '../support/mailbox.js';
import { connectMachine, type OtherMachine } from '../support/network.js';
import { repository, startProgram } from '../support/processes.js';

const MIB = 1024 * 1024;
const TIMEOUT_S = '2';

async function startReceiverOn({ address, prefix }: OtherMachine) {
  const dir = join(await tempDir(), 'received');
  const args = [
    ...prefix,
    process.execPath,
    `${repository}dist/cli/main.js`,
    'receive',
    '--dir',
    dir,
    '--port',
    '0',
    '--json',
    '--timeout',
    TIMEOUT_S,
  ];
  const program = startProgram(args[0]!, args.slice(1));
  const { port } = await program.event('listening');
  return { program, dir, address: `${address}:${port}` };
}

it.for([
  ['whose cable is pulled', 'unplug', 'plugIn'],
  ['whose address is gone', 'loseAddress', 'getAddress'],
] as const)(
  'a receiver %s in the middle of a file: both sides give up in time, and go on when it is back',
  async ([, vanish, comeBack], context) => {
    const machine = await connectMachine(context);
    const receiver = await startReceiverOn(machine);
    const file = join(await tempDir(), 'film.bin');
    await writeContent(file, 80 * MIB);
    const sending = send(receiver.address, file, '--timeout', TIMEOUT_S);
    await receiver.program.event('progress', ({ bytes }) => bytes >= 20 * MIB);
    await machine[vanish]();
    expectFailure(await sending, 75, /no|lost|seconds/);
    await receiver.program.event('failed', ({ code }) => code === 'timeout');
    await receiver.program.event('done');
    expect(await readStoredNames(receiver.dir)).toEqual([]);
    await machine[comeBack]();
    await expectTaken(receiver, file);
    expect(await receiver.program.event('resumed')).toMatchObject({ path: 'film.bin' });
  },
);
