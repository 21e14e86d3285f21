import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseFingerprint, spellFingerprint } from '../../src/core/fingerprint.js';
import { createIdentity, formatIdentity, parseIdentity } from '../../src/identity/identity.js';

describe('an identity', () => {
  it('is a P-256 key with a certificate that is signed by it and never ends', () => {
    const { key, certificate } = createIdentity();
    const parsed = new X509Certificate(certificate);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(parsed.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect([parsed.subject, parsed.issuer, parsed.validTo]).toEqual(['CN=ftx', 'CN=ftx', 'Dec 31 23:59:59 9999 GMT']);
  });

  it('is read back from the text of its file', () => {
    const identity = createIdentity();
    expect(parseIdentity(formatIdentity(identity))).toEqual(identity);
  });

  it('is not read from a text that lacks a part, or has the parts of two identities', () => {
    const [one, two] = [createIdentity(), createIdentity()];
    expect([one.key, one.certificate, '', one.key + two.certificate, 'x'.repeat(1000)].map(parseIdentity)).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
  });

  it('is different each time one is created', () => {
    expect(createIdentity().fingerprint).not.toBe(createIdentity().fingerprint);
  });
});

describe('a fingerprint', () => {
  it('is spelled by its first 80 bits in base32', () => {
    expect(spellFingerprint(`sha256:${'0'.repeat(64)}`)).toBe('aaaa-aaaa-aaaa-aaaa');
    expect(spellFingerprint(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('aeru-kz4j-vpg6-6ajd');
  });

  it.each([
    '',
    'sha256:',
    `sha256:${'0'.repeat(63)}`,
    `sha256:${'g'.repeat(64)}`,
    `sha1:${'0'.repeat(64)}`,
    '0'.repeat(64),
  ])('is not %j', (text) => {
    expect(() => parseFingerprint(text)).toThrow(/"ftx id"/);
  });

  it('is read in upper and lower case', () => {
    expect(parseFingerprint(`SHA256:${'AB'.repeat(32)}`)).toBe(`sha256:${'ab'.repeat(32)}`);
  });
});
