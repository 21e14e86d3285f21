import { afterEach, describe, expect, it } from 'vitest';
import { FtxError } from '../../src/core/errors.js';
import { createIdentity } from '../../src/identity/identity.js';
import { listen, type Listener } from '../../src/net/listen.js';
import { dial } from '../../src/net/dial.js';
import type { TcpConnection } from '../../src/net/tcp.js';
import { acceptTls, startTls } from '../../src/net/tls.js';
import { describeConnection } from '../contract/connection.contract.js';

const identities = { receiver: createIdentity(), sender: createIdentity() };
const listeners: Listener[] = [];
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
});

async function openTcp(): Promise<readonly [TcpConnection, TcpConnection]> {
  let accept: (connection: TcpConnection) => void = () => undefined;
  const accepted = new Promise<TcpConnection>((resolve) => (accept = resolve));
  const listener = await listen({ port: 0, host: '127.0.0.1', onConnection: accept });
  listeners.push(listener);
  return Promise.all([dial({ host: '127.0.0.1', port: listener.port, timeoutMs: 10_000 }), accepted]);
}

async function openTls() {
  const [sender, receiver] = await openTcp();
  const seenBySender = startTls(sender, identities.sender);
  const first = await receiver.read();
  const seenByReceiver = await acceptTls(receiver, first!, identities.receiver);
  return { sender, receiver, seenBySender: await seenBySender, seenByReceiver };
}

describeConnection('TLS', async () => {
  const { sender, receiver } = await openTls();
  return [sender, receiver];
});
describeConnection('TLS, to a receiver that shares its reads', async () => {
  const { sender, receiver } = await openTls();
  receiver.shareReads();
  return [sender, receiver];
});
describeConnection('TLS, from a receiver that shares its reads', async () => {
  const { sender, receiver } = await openTls();
  receiver.shareReads();
  return [receiver, sender];
});
describeConnection('TLS, from the receiver', async () => {
  const { sender, receiver } = await openTls();
  return [receiver, sender];
});

describe('a handshake in which the other side ends after', () => {
  /** What a sender says first. */
  async function recordHello(): Promise<Buffer> {
    const [sender, receiver] = await openTcp();
    const started = startTls(sender, identities.sender);
    const hello = Buffer.from((await receiver.read())!);
    receiver.destroy(new Error('recorded'));
    await expect(started).rejects.toThrow();
    return hello;
  }

  it.each([
    ['one byte', (hello: Buffer) => hello.subarray(0, 1)],
    ['half a ClientHello', (hello: Buffer) => hello.subarray(0, hello.length / 2)],
    ['a whole ClientHello', (hello: Buffer) => hello],
  ])('%s ends for the receiver', async (_, cut) => {
    const said = cut(await recordHello());
    for (const waits of [false, true]) {
      const [sender, receiver] = await openTcp();
      await sender.write([said]);
      sender.end();
      const first = await receiver.read();
      // The end of the other side comes before the handshake begins, or in its middle.
      if (waits) expect(await receiver.read()).toBeUndefined();
      await expect(acceptTls(receiver, first!, identities.receiver)).rejects.toBeInstanceOf(FtxError);
      sender.destroy(new Error('done'));
    }
  });

  it.each([
    ['nothing', ''],
    ['half a record', '\x16\x03\x03\x00\x7a\x02'],
  ])('%s ends for the sender', async (_, said) => {
    const [sender, receiver] = await openTcp();
    const started = startTls(sender, identities.sender);
    await receiver.read();
    await receiver.write([Buffer.from(said, 'latin1')]);
    receiver.end();
    await expect(started).rejects.toMatchObject({ code: 'lost' });
    receiver.destroy(new Error('done'));
  });
});

describe('a TLS connection', () => {
  it('tells each side the identity of the other', async () => {
    const { sender, seenBySender, seenByReceiver } = await openTls();
    expect(seenBySender.peer).toBe(identities.receiver.fingerprint);
    expect(seenByReceiver.peer).toBe(identities.sender.fingerprint);
    sender.destroy(new Error('done'));
  });

  it('has a secret that is the same at both ends and differs from that of any other connection', async () => {
    const [one, other] = [await openTls(), await openTls()];
    const secrets = [one, other].map(({ seenBySender, seenByReceiver }) => {
      expect(seenBySender.binding).toEqual(seenByReceiver.binding);
      return Buffer.from(seenBySender.binding).toString('hex');
    });
    expect(new Set(secrets).size).toBe(2);
    for (const { sender } of [one, other]) sender.destroy(new Error('done'));
  });
});
