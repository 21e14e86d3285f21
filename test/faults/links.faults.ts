/** The connection breaks, or only stands still, in each phase of a session. */
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectWhole } from '../support/aftermath.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { forgeData, forgeJson } from '../support/forge.js';
import { recordTalk, type Frame } from '../support/frames.js';
import { sendPlain, startPlainReceiver } from '../support/mailbox.js';
import type { Exit } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { oneSentence } from '../support/sentences.js';

const TIMEOUT = ['--timeout', '1'];
const SIZE = 100_000;

interface Phase extends Frame {
  readonly direction: 'toReceiver' | 'toSender';
  /** Bytes that still pass. */
  readonly at: number;
}

/** Before each frame of a transfer, and in the middle of its header. */
async function listPhases(port: number, file: string): Promise<Phase[]> {
  const talk = await recordTalk(port, (address) => sendPlain(address, file));
  return (['toReceiver', 'toSender'] as const).flatMap((direction) =>
    talk[direction].flatMap((frame) => [frame.begin, frame.begin + 4].map((at) => ({ ...frame, direction, at }))),
  );
}

/** Whether the sender has heard that its file is stored when all from this phase on is lost: perhaps, after frames whose length is not always the same. */
function findStatuses({ name, direction }: Phase): readonly number[] {
  if (direction === 'toReceiver') return name === 'goodbye' ? [0] : [75];
  return ['greeting', 'hello', 'ready'].includes(name) ? [75] : [0, 75];
}

describe.each(['stall', 'cut', 'close'] as const)('a connection with a %s', (fault) => {
  it('in each phase ends both sides, and the file comes with the next one', async () => {
    // Only a stall has to be waited for. A short limit brings early pings, which move the phases on a busy machine.
    const limit = fault === 'stall' ? ['--timeout', '4'] : [];
    const receiver = await startPlainReceiver(limit);
    const recorded = await startPlainReceiver();
    const folder = await tempDir();
    const pattern = join(folder, 'pattern');
    await writeContent(pattern, SIZE);
    const phases = await listPhases(recorded.port, pattern);
    expect(phases.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['hello', 'offer', 'ready', 'data', 'end', 'stored', 'goodbye']),
    );
    const names = phases.map((_, number) => `${number}.bin`);
    const exits = await Promise.all(
      phases.map(async (phase, number): Promise<Exit> => {
        const file = join(folder, names[number]!);
        await writeContent(file, SIZE, number);
        const proxy = await startProxy(receiver.port, { [phase.direction]: { [fault]: phase.at } });
        return sendPlain(proxy.address, file, ...limit);
      }),
    );
    for (const [number, { status, stderr }] of exits.entries()) {
      const phase = phases[number]!;
      const message = `${fault} ${phase.direction} at ${phase.at}, ${phase.name}: ${stderr}`;
      expect(findStatuses(phase), message).toContain(status);
      if (status !== 0) expect(stderr, message).toMatch(oneSentence);
      else await expectWhole(receiver.dir, join(folder, names[number]!));
    }
    await expect
      .poll(async () => (await readNames(receiver.dir)).filter((name) => name.startsWith('.ftx-')))
      .toEqual([]);
    for (const name of await readNames(receiver.dir)) await expectWhole(receiver.dir, join(folder, name));
    const again = await sendPlain(receiver.address, ...names.map((name) => join(folder, name)));
    expect(again.status, again.stderr).toBe(0);
    expect((await readNames(receiver.dir)).sort()).toEqual([...names].sort());
    for (const name of names) await expectWhole(receiver.dir, join(folder, name));
  });
});

it('a sender of 1 byte a second is left', async () => {
  const receiver = await startPlainReceiver(TIMEOUT);
  const socket = connect(receiver.port, '127.0.0.1').on('error', () => undefined);
  const hello = forgeJson(1, 0, { agent: 'test', capabilities: [], idle: 60_000 });
  const offer = forgeJson(2, 1, { path: 'slow.bin', kind: 'file', size: `${SIZE}`, mtime: '0', mode: '644' });
  socket.write(Buffer.concat([Buffer.from('ftx/1\n'), hello, offer]));
  let heard = '';
  const ready = new Promise<void>((resolve) => {
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      if (heard.includes('{"offset":"0"}')) resolve();
    });
  });
  await ready;
  const data = forgeData(1, 0n, 0n, Buffer.alloc(SIZE));
  let sent = 40;
  socket.write(data.subarray(0, sent));
  // More often than the receiver gives up when nothing moves at all.
  const trickle = setInterval(() => socket.write(data.subarray(sent, ++sent)), 900);
  expect(await receiver.program.event('failed')).toMatchObject({ path: 'slow.bin', code: 'timeout' });
  await new Promise((closed) => socket.on('close', closed));
  clearInterval(trickle);
  const next = join(await tempDir(), 'next.bin');
  await writeFile(next, 'next');
  expect((await sendPlain(receiver.address, next)).status).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['next.bin']);
});
