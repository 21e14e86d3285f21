/** The self-signed certificate that TLS wants around a public key: X.509 v3 in DER, RFC 5280. */
import { randomBytes, sign, type KeyObject } from 'node:crypto';

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_VERSION = 0xa0;

/** 1.2.840.10045.4.3.2, RFC 5758. */
const ECDSA_WITH_SHA256 = Buffer.from('2a8648ce3d040302', 'hex');
/** 2.5.4.3. */
const COMMON_NAME = Buffer.from('550403', 'hex');
/** The date of a certificate that does not end: RFC 5280 4.1.2.5. ftx trusts the key and checks no date. */
const NO_END = '99991231235959Z';
const BEGIN = '20000101000000Z';

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

/** A P-256 key's certificate as PEM, signed by itself. */
export function createCertificate(publicKey: KeyObject, privateKey: KeyObject, name: string): string {
  const algorithm = der(SEQUENCE, der(OBJECT_ID, ECDSA_WITH_SHA256));
  const issuer = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, der(OBJECT_ID, COMMON_NAME), der(UTF8_STRING, Buffer.from(name)))),
  );
  const validity = der(SEQUENCE, der(GENERALIZED_TIME, Buffer.from(BEGIN)), der(GENERALIZED_TIME, Buffer.from(NO_END)));
  const serial = randomBytes(16);
  // The first byte is from 01 to 7f, so that the serial is positive and in its shortest form.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 1;
  const toBeSigned = der(
    SEQUENCE,
    der(EXPLICIT_VERSION, der(INTEGER, Buffer.of(2))),
    der(INTEGER, serial),
    algorithm,
    issuer,
    validity,
    issuer,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const certificate = der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.of(0), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
