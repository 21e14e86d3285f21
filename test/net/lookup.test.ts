import { describe, expect, it } from 'vitest';
import { lookUp } from '../../src/net/lookup.js';

const find = (host: string, signal?: AbortSignal) => lookUp({ host, timeoutMs: 10_000, signal });

describe('lookUp', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::1', '::1'],
    ['fe80::1%Eth0', 'fe80::1%Eth0'],
    ['127.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
  ])('takes %s as the address %s', async (host, address) => {
    expect(await find(host)).toEqual([address]);
  });

  it('finds localhost', async () => {
    expect(await find('localhost')).toEqual(expect.arrayContaining(['127.0.0.1']));
  });

  it.each(['nosuch.invalid', '-e', '--version', `${'a'.repeat(300)}.example`, 'a?b', '1.2.3.999'])(
    'finds no host of the name %s',
    async (host) => {
      await expect(find(host)).rejects.toMatchObject({ code: 'unknown-host' });
    },
  );

  it('stops at once when its signal is aborted', async () => {
    const stop = new AbortController();
    const finding = find('nosuch.invalid', stop.signal);
    stop.abort(new Error('enough'));
    await expect(finding).rejects.toThrow('enough');
  });
});
