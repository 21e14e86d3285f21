import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readNames, tempDir } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';

interface Scene {
  readonly receiver: Mailbox;
  readonly source: string;
  readonly arrived: (name: string) => Promise<string>;
}

/** A receiver that has a `photo.jpg` with `before` in it, and a source `photo.jpg` with `after`. */
async function meet(policy: string[], before: string, after: string): Promise<Scene> {
  const receiver = await startReceiver(policy);
  const source = join(await tempDir(), 'photo.jpg');
  await writeFile(join(receiver.dir, 'photo.jpg'), before);
  await writeFile(source, after);
  return { receiver, source, arrived: (name) => readFile(join(receiver.dir, name), 'utf8') };
}

it('by default another one is renamed, once however often it is sent, and the first is untouched', async () => {
  const { receiver, source, arrived } = await meet([], 'old', 'new');
  expect((await send(receiver.address, source)).status).toBe(0);
  expect((await send(receiver.address, source)).status).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['photo (1).jpg', 'photo.jpg']);
  expect(await arrived('photo.jpg')).toBe('old');
  expect(await arrived('photo (1).jpg')).toBe('new');
  expect(await receiver.program.event('stored')).toMatchObject({ path: 'photo.jpg', as: 'photo (1).jpg' });
});

it('rename by name', async () => {
  const { receiver, source } = await meet(['--on-conflict', 'rename'], 'old', 'new');
  expect((await send(receiver.address, source)).status).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['photo (1).jpg', 'photo.jpg']);
});

it('overwrite replaces it', async () => {
  const { receiver, source, arrived } = await meet(['--on-conflict', 'overwrite'], 'old', 'new');
  expect((await send(receiver.address, source)).status).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['photo.jpg']);
  expect(await arrived('photo.jpg')).toBe('new');
});

it('skip of the same content says so and writes nothing', async () => {
  const { receiver, source } = await meet(['--on-conflict', 'skip'], 'the same', 'the same');
  const before = await stat(join(receiver.dir, 'photo.jpg'));
  const { status, stdout } = await send(receiver.address, source, '--json');
  expect(status).toBe(0);
  expect(stdout).toContain('"already":true');
  expect(await receiver.program.event('stored')).toMatchObject({ already: true, as: 'photo.jpg' });
  const after = await stat(join(receiver.dir, 'photo.jpg'));
  expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
  expect(await readNames(receiver.dir)).toEqual(['photo.jpg']);
});

it.each([
  ['of another length', 'old', 'newer'],
  ['of the same length', 'old', 'new'],
])('skip of other content %s keeps both', async (_, before, after) => {
  const { receiver, source, arrived } = await meet(['--on-conflict', 'skip'], before, after);
  const { status, stderr } = await send(receiver.address, source);
  // Whether it is put beside the other or refused, it is not lost in silence and the old one stays.
  expect(await arrived('photo.jpg')).toBe('old');
  if (status === 0) expect(await arrived('photo (1).jpg')).toBe(after);
  else expect([status, stderr]).toEqual([77, expect.stringMatching(/^ftx: .*photo\.jpg/m)]);
});

it('fail refuses that file and goes on with the others', async () => {
  const { receiver, source, arrived } = await meet(['--on-conflict', 'fail'], 'old', 'new');
  const other = join(await tempDir(), 'other.txt');
  await writeFile(other, 'other');
  const { status, stderr } = await send(receiver.address, source, other);
  expect(status).toBe(77);
  expect(stderr).toContain('photo.jpg');
  expect(await arrived('photo.jpg')).toBe('old');
  expect(await arrived('other.txt')).toBe('other');
  expect(await readNames(receiver.dir)).toEqual(['other.txt', 'photo.jpg']);
  expect(await receiver.program.event('refused')).toMatchObject({ path: 'photo.jpg', code: 'exists' });
});
