import { describe, expect, it } from 'vitest';
import { detectCaller } from '../../src/net/detect.js';
import { encodeRefusal } from '../../src/mailbox/turn-away.js';
import { scriptedConnection } from '../support/memory-connection.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('detectCaller', () => {
  it.each([
    ['ftx/1\n', 'ftx'],
    ['0', 'classic'],
    ['9', 'classic'],
    ['\x16\x03\x01', 'tls'],
    ['GET / HTTP/1.1\r\n', 'http'],
    ['PUT', 'http'],
    ['\x00', 'unknown'],
    ['/', 'unknown'],
    [':', 'unknown'],
    ['é', 'unknown'],
  ] as const)('knows %j', async (text, caller) => {
    const { connection } = scriptedConnection([bytes(text), bytes('more')]);
    const detected = await detectCaller(connection);
    expect(detected?.caller).toBe(caller);
    expect(await detected?.connection.read()).toEqual(bytes(text));
    expect(await detected?.connection.read()).toEqual(bytes('more'));
    expect(await detected?.connection.read()).toBeUndefined();
  });

  it('sees a caller that leaves without a word', async () => {
    expect(await detectCaller(scriptedConnection([]).connection)).toBeUndefined();
  });
});

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
