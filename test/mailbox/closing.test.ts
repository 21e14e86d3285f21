/** How a mailbox ends while callers are at its port, over real sockets. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { TransferEvent } from '../../src/core/events.js';
import { createIdentity } from '../../src/identity/identity.js';
import { receive, type ReceiveOptions, type Receiver } from '../../src/mailbox/receive.js';
import { dial } from '../../src/net/dial.js';
import { startTls } from '../../src/net/tls.js';
import { encodeControl } from '../../src/protocol/codec.js';
import { tempDir } from '../support/folders.js';

/** Longer than a test may take. */
const GRACE_MS = 600_000;
const GREETING = Buffer.from('ftx/1\n');
const HELLO = encodeControl({ type: 'hello', id: 0, agent: 'test', capabilities: ['check'], idleMs: 60_000 });
const entry = { path: 'x', kind: 'file', size: 9, mtimeNs: 0n, mode: 0o644 } as const;
const OFFER = encodeControl({ type: 'offer', id: 1, entry });
const GIVEN_UP = encodeControl({ type: 'error', id: 1, code: 'changed', message: 'x' });
const CHECK = encodeControl({ type: 'check', id: 0, entries: [entry], last: true, dryRun: false });
const GOODBYE = encodeControl({ type: 'goodbye', id: 0 });

async function open(options: Partial<ReceiveOptions>) {
  const events: TransferEvent[] = [];
  const dir = join(await tempDir(), 'inbox');
  const onEvent = (event: TransferEvent) => void events.push(event);
  const receiver = await receive({ dir, port: 0, host: '127.0.0.1', onEvent, ...options });
  onTestFinished(() => receiver.close(0));
  return { receiver, events };
}

interface Caller {
  readonly socket: Socket;
  readonly ended: Promise<unknown>;
  heard(): string;
}

/** Calls, says this, and stays. Resolves when `answer` has come. */
async function call({ port }: Receiver, words: readonly (string | Uint8Array)[], answer: string): Promise<Caller> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  const heard: Buffer[] = [];
  socket.on('error', () => undefined).on('data', (data: Buffer) => heard.push(data));
  const caller = { socket, ended: once(socket, 'end'), heard: () => Buffer.concat(heard).toString('latin1') };
  await once(socket, 'connect');
  for (const word of words) socket.write(word);
  while (!caller.heard().includes(answer)) await once(socket, 'data');
  return caller;
}

/** The mailbox has taken every caller that was connected before. */
async function waitUntilTaken(receiver: Receiver): Promise<void> {
  const last = await call(receiver, ['GET / HTTP/1.1\r\n\r\n'], 'HTTP/1.1');
  last.socket.end();
}

it.each([
  ['said nothing', []],
  ['said half a greeting', ['ft']],
  ['begun a TLS handshake', [Uint8Array.of(0x16, 3, 1)]],
])('leaves at once when the only caller has %s', async (_, words) => {
  const { receiver } = await open({});
  const caller = await call(receiver, words, '');
  await waitUntilTaken(receiver);
  await receiver.close(GRACE_MS);
  caller.socket.end();
});

it('leaves at once when the only caller has encrypted and said nothing more', async () => {
  const { receiver } = await open({});
  const connection = await dial({ host: '127.0.0.1', port: receiver.port, timeoutMs: 10_000 });
  await startTls(connection, createIdentity());
  await receiver.close(GRACE_MS);
  connection.destroy(new Error('over'));
});

it('leaves at once when the only caller has greeted and offered nothing, and tells it why', async () => {
  const { receiver } = await open({ plain: true });
  const caller = await call(receiver, [GREETING, HELLO], 'limits');
  await receiver.close(GRACE_MS);
  await caller.ended;
  expect(caller.heard()).toContain('"code":"shutting-down"');
});

it.each([
  ['an offer', [OFFER], 'ready', GIVEN_UP],
  ['a list', [CHECK], 'verdicts', new Uint8Array(0)],
])('lets a caller finish that has sent %s', async (_, words, answer, lastWord) => {
  const { receiver } = await open({ plain: true });
  const silent = await call(receiver, [], '');
  const caller = await call(receiver, [GREETING, HELLO, ...words], answer === 'ready' ? 'offset' : answer);
  const closed = receiver.close(GRACE_MS);
  // What is dropped at once is dropped before this.
  await silent.ended;
  expect(caller.heard()).not.toContain('shutting-down');
  caller.socket.write(lastWord);
  caller.socket.end(GOODBYE);
  await closed;
  expect(caller.heard()).not.toContain('shutting-down');
});
