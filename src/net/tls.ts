/** TLS 1.3 over a TcpConnection: PROTOCOL.md section 12. Both sides show a certificate, and their keys tell who they are. */
import { formatAddress } from '../core/address.js';
import {
  connect,
  createServer,
  type CommonConnectionOptions,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import type { Socket } from 'node:net';
import { FtxError, toFtxError } from '../core/errors.js';
import { fingerprintOf, type Identity } from '../identity/identity.js';
import type { Fingerprint } from '../core/fingerprint.js';
import type { TcpConnection } from './tcp.js';
import { tlsError } from './tls-failure.js';

const ALPN = 'ftx/1';
/** SSL_OP_NO_TICKET: a TLS session ends with its connection. OpenSSL 3.5 sends tickets all the same, and takes none. */
const NO_TICKETS = 0x4000;

/** What both sides insist on. No authority signs a peer's certificate: its fingerprint is judged instead, by the caller. */
function parametersFor({ key, certificate }: Identity): SecureContextOptions & CommonConnectionOptions {
  return {
    key,
    cert: certificate,
    // An empty list keeps Node from parsing its own list of authorities, which takes longer than the handshake.
    ca: [] as string[],
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // The first is the fastest on a processor with instructions for AES.
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    secureOptions: NO_TICKETS,
    rejectUnauthorized: false,
    ALPNProtocols: [ALPN],
  };
}

/** RFC 5705 lets anyone use labels that begin with EXPERIMENTAL. */
const BINDING_LABEL = 'EXPERIMENTAL-ftx-pair';
const BINDING_BYTES = 32;

/** What TLS has found out. */
export interface Secured {
  /** The identity of the other side. */
  readonly peer: Fingerprint;
  /**
   * A secret of this connection, the same at both ends. If somebody stands
   * between them there are two connections, and each has another secret.
   */
  readonly binding: Uint8Array;
}

/**
 * The receiver's side of the handshake, of which `read` was read already.
 * Resolves with the sender's identity, which nobody has judged yet. Rejects with
 * FtxError `protocol` or `lost`, or the reason if the connection is destroyed meanwhile.
 */
export function acceptTls(connection: TcpConnection, read: Uint8Array, own: Identity): Promise<Secured> {
  return secure(connection, read, (socket) => shakeHandsAsServer(socket, own));
}

/**
 * The sender's side of the handshake. Resolves with the receiver's identity,
 * which nobody has judged yet. Rejects with FtxError `protocol`, `refused`,
 * `busy` or `lost`, or the reason if the connection is destroyed meanwhile.
 */
export function startTls(connection: TcpConnection, own: Identity): Promise<Secured> {
  return secure(connection, new Uint8Array(0), (socket) =>
    shakeHandsAsClient(socket, own, formatAddress(connection.address)),
  );
}

async function secure(
  connection: TcpConnection,
  read: Uint8Array,
  shakeHands: (socket: Socket) => Promise<TLSSocket>,
): Promise<Secured> {
  try {
    const socket = await connection.upgrade(read, shakeHands);
    const peer = identify(socket, formatAddress(connection.address));
    // The secret is taken now, because a closed socket has none.
    return { peer, binding: socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0)) };
  } catch (error) {
    connection.destroy(toFtxError(error));
    throw error;
  }
}

/** Makes a server for one connection, because a TLSSocket without a server does not report errors after the handshake. */
function shakeHandsAsServer(socket: Socket, own: Identity): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const server = createServer({ ...parametersFor(own), requestCert: true }, resolve);
    server.on('tlsClientError', (error) => {
      socket.destroy();
      reject(
        new FtxError('protocol', 'A caller began a TLS handshake and did not end it as an ftx sender does.', {
          cause: error,
        }),
      );
    });
    server.emit('connection', socket);
  });
}

function shakeHandsAsClient(socket: Socket, own: Identity, peer: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const encrypted = connect({ ...parametersFor(own), socket }, () => resolve(encrypted));
    encrypted.once('error', (error: Error) => reject(tlsError(peer, error)));
    encrypted.once('close', () => reject(tlsError(peer)));
  });
}

/** Checks that ftx was agreed on and a certificate shown, which Node does not. Returns the identity of the certificate. */
function identify(socket: TLSSocket, peer: string): Fingerprint {
  if (socket.alpnProtocol !== ALPN)
    throw new FtxError(
      'protocol',
      `What speaks TLS at ${peer} does not speak ${ALPN}. Check the address and the port.`,
    );
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) throw new FtxError('protocol', `${peer} shows no certificate, and so nobody can tell who it is.`);
  return fingerprintOf(certificate.publicKey);
}
