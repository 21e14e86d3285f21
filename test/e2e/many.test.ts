import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { hashFile, readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver } from '../support/mailbox.js';

const SENDERS = 50;
const numbers = Array.from({ length: SENDERS }, (_, i) => i);

it('fifty senders at once with different files', async () => {
  const receiver = await startReceiver(['--max-connections', '60']);
  const source = await tempDir();
  const paths = numbers.map((i) => join(source, `file ${i}.bin`));
  for (const i of numbers) await writeContent(paths[i]!, 200_000 + i * 1024, i);

  const exits = await Promise.all(paths.map((path) => send(receiver.address, path)));
  expect(exits.map(({ status, stderr }) => (status === 0 ? 0 : stderr))).toEqual(numbers.map(() => 0));
  expect(await readNames(receiver.dir)).toEqual(await readNames(source));
  for (const i of numbers) {
    expect(await hashFile(join(receiver.dir, `file ${i}.bin`))).toBe(await hashFile(paths[i]!));
  }
});

it('fifty senders at once with the same name lose nothing', async () => {
  const receiver = await startReceiver(['--max-connections', '60']);
  const source = await tempDir();
  const paths = numbers.map((i) => join(source, `${i}.bin`));
  for (const i of numbers) await writeContent(paths[i]!, 50_000, i);

  const exits = await Promise.all(paths.map((path) => send(receiver.address, path, '--name', 'x.bin')));
  expect(exits.map(({ status, stderr }) => (status === 0 ? 0 : stderr))).toEqual(numbers.map(() => 0));
  const names = numbers.map((i) => (i === 0 ? 'x.bin' : `x (${i}).bin`));
  expect(await readNames(receiver.dir)).toEqual(names.sort());
  const arrived = await Promise.all(names.map((name) => hashFile(join(receiver.dir, name))));
  const sent = await Promise.all(paths.map(hashFile));
  expect(arrived.sort()).toEqual(sent.sort());
});

it('fifty senders that stand still in the middle of a block do not keep another waiting', async () => {
  const receiver = await startReceiver();
  const held = numbers.map(() => connect(receiver.port, '127.0.0.1').on('error', () => undefined));
  onTestFinished(() => held.forEach((socket) => socket.destroy()));
  for (const socket of held) socket.write('3000000');
  await Promise.all(held.map((socket) => once(socket, 'data')));
  await Promise.all(held.map((socket) => new Promise((sent) => socket.write(Buffer.alloc(1_500_000), sent))));

  const path = join(await tempDir(), 'next.bin');
  await writeContent(path, 5_000_000);
  const { status, stderr } = await send(receiver.address, path);
  expect(status, stderr).toBe(0);
  expect(await hashFile(join(receiver.dir, 'next.bin'))).toBe(await hashFile(path));
});
