import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createIdentity } from '../../src/identity/identity.js';
import { dial } from '../../src/net/dial.js';
import { tlsError } from '../../src/net/tls-failure.js';
import { startTls } from '../../src/net/tls.js';

const OPENSSL = /SSL|openssl|alert|routines|0A000|secure TLS/;

function sslError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

describe('why no encrypted connection came about is told in words of its own', () => {
  it.each([
    [
      'OpenSSL 3.0',
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      '80AC:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:rec_layer_s3.c:1605:SSL alert number 40',
      'refused',
    ],
    [
      'OpenSSL 3.5',
      'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
      'C05C:error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:rec_layer_s3.c:918:SSL alert number 40\n',
      'refused',
    ],
    ['a name of the future', 'ERR_SSL_PEER_SAYS_NO', 'something else: SSL alert number 40', 'refused'],
    ['no number', 'ERR_SSL_TLS_ALERT_HANDSHAKE_FAILURE', 'alert handshake failure', 'refused'],
    [
      'OpenSSL 3.0 and 3.5',
      'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
      'C05C:error:0A000438:SSL routines:ssl3_read_bytes:tlsv1 alert internal error:rec_layer_s3.c:918:SSL alert number 80',
      'busy',
    ],
    ['no number', 'ERR_SSL_SSL/TLS_ALERT_INTERNAL_ERROR', 'alert internal error', 'busy'],
    ['an error of this side', 'ERR_SSL_INTERNAL_ERROR', 'error:0A0C0103:SSL routines::internal error', 'protocol'],
    [
      'another alert',
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'C05C:error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version:rec_layer_s3.c:918:SSL alert number 70',
      'protocol',
    ],
    [
      'no TLS',
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'C05C:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:tlsany_meth.c:77:',
      'protocol',
    ],
    ['an end', 'ECONNRESET', 'Client network socket disconnected before secure TLS connection was established', 'lost'],
  ])('by %s: %s', (_, code, message, expected) => {
    const failure = tlsError('host:6000', sslError(code, message));
    expect(failure.code).toBe(expected);
    expect(failure.message).not.toMatch(OPENSSL);
  });
});

describe('a sender that begins TLS', () => {
  let server: Server;
  afterEach(() => void server.close());

  it.each([
    ['the alert of a receiver that takes no TLS', Buffer.from('15030100020228', 'hex'), 'refused'],
    ['the alert of a receiver that is busy', Buffer.from('15030100020250', 'hex'), 'busy'],
    ['another alert', Buffer.from('15030100020246', 'hex'), 'protocol'],
    ['an alert of no meaning', Buffer.from('150301000202ff', 'hex'), 'lost'],
    ['text', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'protocol'],
    [
      'a handshake of another kind',
      Buffer.from('16030300147474747474747474747474747474747474747474', 'hex'),
      'protocol',
    ],
    ['nothing', Buffer.alloc(0), 'lost'],
  ])('and is answered by %s hears nothing of OpenSSL', async (_, answer, code) => {
    server = createServer((socket) => void socket.on('error', () => undefined).once('data', () => socket.end(answer)));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const connection = await dial({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      timeoutMs: 10_000,
    });
    const started = startTls(connection, createIdentity());
    await expect(started).rejects.toMatchObject({ code, message: expect.not.stringMatching(OPENSSL) as string });
  });
});
