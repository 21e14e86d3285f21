import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as tls from 'node:tls';
import { createIdentity } from '../../src/identity/identity.js';
import { shareDecryptedReads, shareReads } from '../../src/net/shared-reads.js';
import { TcpConnection } from '../../src/net/tcp.js';

let server: Server;
let caller: Socket;
let accepted: Socket;

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  caller = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  [accepted] = (await once(server, 'connection')) as [Socket];
});
afterEach(() => {
  caller.destroy();
  accepted.destroy();
  server.close();
});

it('reads into the same memory each time', async () => {
  const read: Uint8Array[] = [];
  let wake: () => void = () => undefined;
  const sharing = shareReads(accepted, (bytes) => {
    read.push(bytes);
    wake();
    return true;
  });
  expect(sharing).toBeInstanceOf(Socket);
  for (const text of ['one', 'two']) {
    const more = new Promise<void>((resolve) => (wake = resolve));
    caller.write(text);
    await more;
  }
  expect(read.map(({ length }) => length)).toEqual([3, 3]);
  expect(read[0]!.buffer).toBe(read[1]!.buffer);
  expect(Buffer.from(read[0]!).toString()).toBe('two');
  sharing!.destroy();
});

it('lets the server close when the connection has closed', async () => {
  const sharing = shareReads(accepted, () => true)!;
  const closed = once(server.close(), 'close');
  sharing.destroy();
  await closed;
  expect(accepted.destroyed).toBe(true);
});

it.each<[string, () => void | Promise<void>]>([
  [
    'has bytes that nobody has read',
    async () => {
      caller.write('x');
      await once(accepted, 'readable');
    },
  ],
  ['is writing', () => void accepted.write(new Uint8Array(64 * 1024 * 1024))],
  ['is closed', () => void accepted.destroy()],
  [
    'has another handle than Node 20 to 24',
    () => {
      const { _handle: handle } = accepted as unknown as { _handle: object };
      Object.defineProperty(handle, 'useUserBuffer', { value: undefined });
    },
  ],
])('changes nothing about a socket that %s', async (_, prepare) => {
  await prepare();
  expect(shareReads(accepted, () => true)).toBeUndefined();
});

it('reports an end that came with the first bytes', async () => {
  const connection = new TcpConnection(accepted);
  caller.end('all');
  const first = await connection.read();
  connection.shareReads();
  expect(Buffer.from(first!).toString()).toBe('all');
  expect(await connection.read()).toBeUndefined();
  connection.destroy(new Error('over'));
});

it('decrypts into the same memory each time', async () => {
  const { key, certificate: cert } = createIdentity();
  const context = tls.createSecureContext({ key, cert });
  const encrypted = tls.connect({ socket: caller, rejectUnauthorized: false });
  const decrypted = new tls.TLSSocket(accepted, { isServer: true, secureContext: context });
  await once(encrypted, 'secureConnect');
  const read: Uint8Array[] = [];
  let wake: () => void = () => undefined;
  const onBytes = (bytes: Uint8Array): boolean => {
    read.push(bytes);
    wake();
    return true;
  };
  expect(shareDecryptedReads(decrypted, onBytes)).toBe(true);
  decrypted.resume();
  for (const text of ['one', 'two']) {
    const more = new Promise<void>((resolve) => (wake = resolve));
    encrypted.write(text);
    await more;
  }
  expect(read.map(({ length }) => length)).toEqual([3, 3]);
  expect(read[0]!.buffer).toBe(read[1]!.buffer);
  expect(Buffer.from(read[1]!).toString()).toBe('two');
  encrypted.destroy();
  decrypted.destroy();
});
