import { describe, expect, it } from 'vitest';
import { detectCaller } from '../../src/net/detect.js';
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
  ] as const)('tells from %j that the caller speaks %s', async (text, caller) => {
    const { connection } = scriptedConnection([bytes(text), bytes('more')]);
    const detected = await detectCaller(connection);
    expect(detected?.caller).toBe(caller);
    expect(await detected?.connection.read()).toEqual(bytes(text));
    expect(await detected?.connection.read()).toEqual(bytes('more'));
    expect(await detected?.connection.read()).toBeUndefined();
  });

  it('has no answer for a caller that closes without a byte', async () => {
    expect(await detectCaller(scriptedConnection([]).connection)).toBeUndefined();
  });
});
