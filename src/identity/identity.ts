/** The identity of an installation: a key pair and its certificate. No I/O. */
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { createCertificate } from './certificate.js';
import type { Fingerprint } from '../core/fingerprint.js';

export interface Identity {
  readonly fingerprint: Fingerprint;
  /** PKCS #8 PEM: the secret. */
  readonly key: string;
  /** X.509 PEM. */
  readonly certificate: string;
}

/** The subject is the same in every certificate, so that a certificate tells nothing about its owner but the key. */
const SUBJECT = 'ftx';
const PEM = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----\n?/g;

/** SHA-256 over the DER of the key's SubjectPublicKeyInfo. */
export function fingerprintOf(key: KeyObject): Fingerprint {
  const der = key.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(der).digest('hex')}`;
}

export function createIdentity(): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    fingerprint: fingerprintOf(publicKey),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: createCertificate(publicKey, privateKey, SUBJECT),
  };
}

/** The text of the file that keeps the identity: the key, then the certificate. */
export function formatIdentity({ key, certificate }: Identity): string {
  return key + certificate;
}

/** Undefined unless the text holds a key and the certificate that belongs to it. */
export function parseIdentity(text: string): Identity | undefined {
  const found = new Map([...text.matchAll(PEM)].map(([block, label = '']) => [label, block]));
  const key = found.get('PRIVATE KEY');
  const certificate = found.get('CERTIFICATE');
  if (key === undefined || certificate === undefined) return undefined;
  try {
    const parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return undefined;
    return { fingerprint: fingerprintOf(parsed.publicKey), key, certificate };
  } catch {
    return undefined;
  }
}
