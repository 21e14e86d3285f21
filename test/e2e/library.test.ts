import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { FtxError, receive, send, type Receiver, type TransferEvent } from 'ftx';
import { afterEach, beforeEach, expect, it, type MockInstance, onTestFinished, vi } from 'vitest';
import { makeContent, readNames, tempDir } from '../support/folders.js';
import { findClosedPort } from '../support/strangers.js';

interface Inbox {
  readonly receiver: Receiver;
  readonly dir: string;
  readonly to: { host: string; port: number };
  readonly events: TransferEvent[];
}

let outputs: MockInstance[];
beforeEach(() => {
  outputs = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) outputs.push(vi.spyOn(console, method));
});
afterEach(() => {
  const calls = outputs.flatMap((output) => output.mock.calls as unknown[][]);
  vi.restoreAllMocks();
  expect(calls).toEqual([]);
});

async function openInbox(options: Partial<Parameters<typeof receive>[0]> = {}): Promise<Inbox> {
  const dir = join(await tempDir(), 'inbox');
  const events: TransferEvent[] = [];
  const receiver = await receive({
    dir,
    port: 0,
    host: '127.0.0.1',
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => receiver.close(0));
  return { receiver, dir, to: { host: '127.0.0.1', port: receiver.port }, events };
}

async function makeFile(content: string | Buffer = 'content', name = 'file.txt'): Promise<string> {
  const path = join(await tempDir(), name);
  await writeFile(path, content);
  return path;
}

it('send and receive tell what happens by events and results, and print nothing', async () => {
  const inbox = await openInbox();
  const events: TransferEvent[] = [];
  const result = await send({ paths: [await makeFile()], to: inbox.to, onEvent: (event) => events.push(event) });
  expect(result).toMatchObject({ stored: 1, sent: 0, refused: 0, failed: 0, bytes: 7 });
  expect(result.firstFailure).toBeUndefined();
  expect(await readFile(join(inbox.dir, 'file.txt'), 'utf8')).toBe('content');

  await inbox.receiver.close(1000);
  await inbox.receiver.closed;
  const typesOf = (all: TransferEvent[]) => all.map(({ type }) => type).filter((type) => type !== 'progress');
  expect(typesOf(events)).toEqual(['peer', 'connected', 'offered', 'stored', 'done']);
  expect(typesOf(inbox.events)).toEqual(['listening', 'connected', 'offered', 'stored', 'done']);
});

it('a refused file is in the result, and the rest is stored', async () => {
  const inbox = await openInbox({ onConflict: 'fail' });
  const path = await makeFile();
  await send({ paths: [path], to: inbox.to });
  await writeFile(path, 'changed');
  const folder = join(await tempDir(), 'folder');
  await mkdir(folder);
  const result = await send({ paths: [path, folder, await makeFile('x', 'other.txt')], to: inbox.to });
  expect(result).toMatchObject({ stored: 2, refused: 1, failed: 0 });
  expect(result.firstFailure).toBeInstanceOf(FtxError);
  expect(result.firstFailure?.code).toBe('exists');
  expect(await readNames(inbox.dir)).toEqual(['file.txt', 'folder', 'other.txt']);
});

it('failures are FtxErrors with a code', async () => {
  const inbox = await openInbox();
  const nobody = { host: '127.0.0.1', port: await findClosedPort() };
  const file = await makeFile();
  await expect(send({ paths: [file], to: nobody })).rejects.toMatchObject({ name: 'FtxError', code: 'no-connection' });
  await expect(send({ paths: ['/nowhere'], to: inbox.to })).rejects.toMatchObject({ code: 'not-found' });
  await expect(receive({ dir: join(file, 'x'), port: 0 })).rejects.toMatchObject({ code: 'cannot-create' });
  const taken = receive({ dir: await tempDir(), port: inbox.to.port, host: '127.0.0.1' });
  await expect(taken).rejects.toMatchObject({ code: 'port-in-use' });
});

it('a stream can be sent', async () => {
  const inbox = await openInbox();
  const input = new PassThrough();
  const content = makeContent(2_500_000);
  input.end(content);
  await send({ paths: ['-'], name: 'stream.bin', input, to: inbox.to });
  expect(content.equals(await readFile(join(inbox.dir, 'stream.bin')))).toBe(true);
});

it('an AbortSignal stops a send in the middle, and nothing of it is left', async () => {
  const inbox = await openInbox();
  const stop = new AbortController();
  const input = new PassThrough();
  input.write(makeContent(3_000_000));
  const sending = send({
    paths: ['-'],
    name: 'half.bin',
    input,
    to: inbox.to,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'progress' && event.bytes > 0) stop.abort();
    },
  });
  const outcome = await sending.then(
    ({ firstFailure }) => firstFailure,
    (error: unknown) => error,
  );
  expect(outcome).toMatchObject({
    code: 'aborted',
    message: 'The transfer was stopped by the program that had begun it.',
  });
  await inbox.receiver.close(5000);
  expect(await readNames(inbox.dir)).toEqual([]);
});

it('a signal that is aborted already sends nothing and leaves nobody listening', async () => {
  const inbox = await openInbox();
  const signal = AbortSignal.abort();
  const file = await makeFile();
  for (const plain of [false, true]) {
    const sentence = 'The transfer was stopped by the program that had begun it.';
    const stopped = send({ paths: [file], to: inbox.to, plain, signal });
    await expect(stopped).rejects.toMatchObject({ name: 'FtxError', code: 'aborted', message: sentence });
  }
  expect(await readNames(inbox.dir)).toEqual([]);

  // Whether it never opens or closes by itself, it must not stay.
  const port = await findClosedPort();
  await receive({ dir: await tempDir(), port, host: '127.0.0.1', signal }).then(
    ({ closed }) => closed,
    () => undefined,
  );
  await expect(send({ paths: [file], to: { host: '127.0.0.1', port } })).rejects.toMatchObject({
    code: 'no-connection',
  });
});

it('an AbortSignal stops a receiver at once, and the sender is told', async () => {
  const stop = new AbortController();
  const inbox = await openInbox({ signal: stop.signal });
  const input = new PassThrough();
  input.write(makeContent(3_000_000));
  const sending = send({
    paths: ['-'],
    name: 'half.bin',
    input,
    to: inbox.to,
    onEvent: (event) => {
      if (event.type === 'progress' && event.bytes > 0) stop.abort();
    },
  });
  const outcome = await sending.then(
    ({ firstFailure }) => firstFailure,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(FtxError);
  await inbox.receiver.closed.catch(() => undefined);
  expect(await readNames(inbox.dir)).toEqual([]);
});

it('two receivers and many sends in one process do not disturb each other', async () => {
  const [one, two] = [await openInbox(), await openInbox()];
  const jobs = Array.from({ length: 20 }, async (_, i) => {
    const inbox = i % 2 === 0 ? one : two;
    const path = await makeFile(makeContent(100_000, i), `${i}.bin`);
    return send({ paths: [path], to: inbox.to });
  });
  expect((await Promise.all(jobs)).every(({ stored }) => stored === 1)).toBe(true);
  for (const [i, { dir }] of [one, two].entries()) {
    const names = await readNames(dir);
    expect(names).toHaveLength(10);
    for (const name of names) expect(Number.parseInt(name) % 2).toBe(i);
  }
});
