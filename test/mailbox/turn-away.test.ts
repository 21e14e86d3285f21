import { describe, expect, it } from 'vitest';
import { encodeRefusal } from '../../src/mailbox/turn-away.js';

describe('encodeRefusal', () => {
  it('answers HTTP with a response of the length it says', () => {
    const [head, body] = Buffer.from(encodeRefusal('http')).toString().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 501 /);
    expect(head).toContain(`Content-Length: ${body!.length}\r\n`);
  });

  it('answers TLS with a fatal alert', () => {
    expect(Buffer.from(encodeRefusal('tls')).toString('hex')).toBe('15030100020228');
  });
});
