import { afterEach, describe, expect, it } from 'vitest';
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
describeConnection('TLS, from the receiver', async () => {
  const { sender, receiver } = await openTls();
  return [receiver, sender];
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
