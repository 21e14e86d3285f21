/** Peers inside of TLS that do not keep to the rules. */
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { FtxError } from '../../src/core/errors.js';
import { parseCode } from '../../src/identity/one-time-code.js';
import { createIdentity } from '../../src/identity/identity.js';
import { createProver } from '../../src/identity/pake.js';
import { TcpConnection } from '../../src/net/tcp.js';
import { startTls } from '../../src/net/tls.js';
import { createChannel, type Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import type { Hello } from '../../src/protocol/messages.js';
import { pairAsSender, type Proving } from '../../src/session/pairing.js';

export interface Stranger {
  readonly channel: Channel;
  readonly hello: Hello;
  readonly proverFor: (code: string) => Promise<Proving>;
}

/** A sender that has greeted, with an identity that nobody knows. `from` is the address it calls from. */
export async function callAsStranger(
  port: number,
  from = '127.0.0.1',
  idleMs = DEFAULT_TIMEOUTS.idleMs,
): Promise<Stranger> {
  const own = createIdentity();
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const connection = new TcpConnection(socket);
  const { peer: receiver, binding } = await startTls(connection, own);
  const channel = createChannel(connection, { ...DEFAULT_TIMEOUTS, idleMs });
  const hello = await channel.greet({ agent: 'stranger', capabilities: [] });
  const proverFor = async (code: string): Promise<Proving> => {
    const prover = await createProver(parseCode(code), { sender: own.fingerprint, receiver, binding });
    return { ...prover, onProved: () => Promise.resolve() };
  };
  return { channel, hello, proverFor };
}

/** One try; resolves with the code of the error it ends in, or `paired`. */
export async function tryCode(port: number, code: string, from?: string): Promise<string> {
  try {
    const { channel, proverFor } = await callAsStranger(port, from);
    await pairAsSender(channel, await proverFor(code), DEFAULT_TIMEOUTS.pairMs).finally(() =>
      channel.destroy(new Error('done')),
    );
    return 'paired';
  } catch (error) {
    return (error as FtxError).code;
  }
}

export interface Middle {
  readonly address: string;
  /** What the sender has said to it, decrypted. */
  heard(): string;
  readonly identity: string;
}

/** Somebody who takes part in both TLS sessions, with an identity of his own, and passes on all that is said. */
export async function standBetween(port: number): Promise<Middle> {
  const own = createIdentity();
  const identity = { key: own.key, cert: own.certificate, ALPNProtocols: ['ftx/1'], rejectUnauthorized: false };
  const heard: Buffer[] = [];
  const server = createServer({ ...identity, requestCert: true }, (socket: TLSSocket) => {
    const onward = connectTls({ ...identity, port, host: '127.0.0.1' });
    socket.on('error', () => onward.destroy()).on('data', (data: Buffer) => heard.push(data));
    onward.on('error', () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard: () => Buffer.concat(heard).toString('latin1'),
    identity: own.fingerprint,
  };
}
