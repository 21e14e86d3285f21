import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/core/connection.js';
import { listen, type Listener } from '../../src/net/listen.js';
import { dial } from '../../src/net/dial.js';
import { TcpConnection } from '../../src/net/tcp.js';
import { describeConnection } from '../contract/connection.contract.js';
import { codeOf } from '../support/error-code.js';

const listeners: Listener[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
  for (const server of servers.splice(0)) server.close();
});

const loopback = (port: number) => ({ host: '127.0.0.1', port, timeoutMs: 10_000 });

async function openPair(): Promise<readonly [TcpConnection, TcpConnection]> {
  let accept: (connection: TcpConnection) => void = () => undefined;
  const accepted = new Promise<TcpConnection>((resolve) => (accept = resolve));
  const listener = await listen({ port: 0, host: '127.0.0.1', onConnection: accept });
  listeners.push(listener);
  return Promise.all([dial(loopback(listener.port)), accepted]);
}

describeConnection('TCP', openPair);
describeConnection('TCP into shared memory', async () => {
  const [dialled, accepted] = await openPair();
  accepted.shareReads();
  return [dialled, accepted];
});

describe('a TCP connection', () => {
  async function acceptRaw(): Promise<[TcpConnection, Socket, Socket]> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const raw = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    return [new TcpConnection(socket), raw, socket];
  }

  it('that is reset rejects with lost', async () => {
    const [connection, raw] = await acceptRaw();
    const waiting = codeOf(connection.read());
    raw.resetAndDestroy();
    expect(await waiting).toBe('lost');
    expect(await codeOf(connection.write([new Uint8Array(1)]))).toBe('lost');
  });

  it('reads what came before both sides had ended', async () => {
    const [connection, raw] = await acceptRaw();
    connection.end();
    raw.end('late');
    await once(raw, 'close');
    expect(Buffer.from((await connection.read())!).toString()).toBe('late');
    expect(await connection.read()).toBeUndefined();
  });

  it.each([false, true])('that was destroyed before its peer ended says why (shared reads: %s)', async (isShared) => {
    const [connection, raw, socket] = await acceptRaw();
    if (isShared) connection.shareReads();
    const reason = new Error('no time');
    connection.destroy(reason);
    raw.end();
    await once(socket, 'close');
    await expect(connection.read()).rejects.toBe(reason);
    await expect(connection.readInto(new Uint8Array(1), () => undefined)).rejects.toBe(reason);
  });

  it('that was destroyed lingers only while at most 24 do', async () => {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const dropped: Connection[] = [];
    server.on('connection', (socket) => {
      const connection = new TcpConnection(socket);
      connection.destroy(new Error('no room'));
      dropped.push(connection);
    });
    const callers = Array.from({ length: 300 }, () =>
      connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true }).on(
        'error',
        () => undefined,
      ),
    );
    await Promise.all(callers.map((caller) => once(caller.resume(), 'end')));
    expect(dropped).toHaveLength(300);
    const open = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    expect(open).toBeLessThanOrEqual(24);
    for (const caller of callers) caller.destroy();
  });

  it('has the address of its peer', async () => {
    const [connection, raw] = await acceptRaw();
    expect(connection.address).toEqual({ host: '127.0.0.1', port: raw.localPort });
    raw.destroy();
  });
});

describe('dial', () => {
  it('fails with no-connection where nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await expect(dial(loopback(port))).rejects.toMatchObject({
      code: 'no-connection',
      message: expect.stringContaining(`127.0.0.1:${port}`) as string,
    });
  });

  it('fails with unknown-host for a name that nobody knows', async () => {
    expect(await codeOf(dial({ ...loopback(6000), host: 'nosuch.invalid' }))).toBe('unknown-host');
  });

  it('stops when its signal is aborted', async () => {
    const stop = new AbortController();
    const dialling = dial({ ...loopback(6000), host: 'localhost', signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(dialling).rejects.toThrow('enough');
    await expect(dial({ ...loopback(6000), signal: stop.signal })).rejects.toThrow('enough');
  });
});

describe('listen', () => {
  const listenOn = (port: number, host?: string) => listen({ port, host, onConnection: () => undefined });

  it('fails with port-in-use where something listens already', async () => {
    const first = await listenOn(0);
    listeners.push(first);
    expect(await codeOf(listenOn(first.port))).toBe('port-in-use');
  });

  it('fails with cannot-listen for an address of another machine, and with unknown-host for a name of none', async () => {
    expect(await codeOf(listenOn(0, '192.0.2.1'))).toBe('cannot-listen');
    expect(await codeOf(listenOn(0, 'nosuch.invalid'))).toBe('unknown-host');
  });

  it.each(['127.0.0.1', '::1'])('takes connections to %s on all addresses', async (host) => {
    let accept: () => void = () => undefined;
    const accepted = new Promise<void>((resolve) => (accept = resolve));
    const listener = await listen({
      port: 0,
      onConnection: (connection) => (connection.destroy(new Error('done')), accept()),
    });
    listeners.push(listener);
    const connection = await dial({ ...loopback(listener.port), host });
    await accepted;
    connection.destroy(new Error('done'));
  });
});
