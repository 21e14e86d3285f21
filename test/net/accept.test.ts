import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it, vi } from 'vitest';
import { acceptCaller } from '../../src/net/accept.js';
import { TcpConnection } from '../../src/net/tcp.js';

it.each([
  ['ftx', 'ftx/1\n', 1],
  ['classic', '12', 1],
  // The socket of the one has yet to be wrapped, that of the other is only refused.
  ['tls', '\x16\x03\x01', 0],
  ['http', 'GET /', 0],
])(
  'reads %s callers into shared memory unless they are refused or have to be wrapped in TLS',
  async (caller, word, times) => {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const dialled = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    const connection = new TcpConnection(socket);
    const shareReads = vi.spyOn(connection, 'shareReads');
    dialled.write(word);
    expect((await acceptCaller(connection, undefined))?.caller).toBe(caller);
    expect(shareReads).toHaveBeenCalledTimes(times);
    connection.destroy(new Error('over'));
    dialled.destroy();
    server.close();
  },
);
