import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FtxError } from '../../src/core/errors.js';
import { dial } from '../../src/net/dial.js';
import { describeFailures } from '../../src/net/dial-failure.js';
import { lookUp, lookupError } from '../../src/net/lookup.js';

const made = vi.hoisted(() => ({ sockets: [] as { address: string; socket: Socket }[] }));
vi.mock('../../src/net/lookup.js', async (original) => ({ ...(await original<object>()), lookUp: vi.fn() }));
vi.mock('node:net', async (original) => ({
  ...(await original<object>()),
  connect: ({ host }: { host: string }) => {
    const socket = new Socket();
    made.sockets.push({ address: host, socket });
    return socket;
  },
}));

const GONE = '2001:db8::2';
const HERE = '192.0.2.2';
const errno = (code: string) => Object.assign(new Error(`connect ${code} raw text of Node`), { code });
const find = (address: string) => made.sockets.find((one) => one.address === address)?.socket;

function start(addresses: readonly string[], more: { signal?: AbortSignal } = {}) {
  vi.mocked(lookUp).mockResolvedValue(addresses);
  const dialling = dial({ host: 'far', port: 7701, timeoutMs: 10_000, ...more });
  dialling.catch(() => undefined);
  return dialling;
}

beforeEach(() => {
  made.sockets.length = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('dialling a host with several addresses', () => {
  it.each([
    ['the first of two', [HERE, GONE]],
    ['the last of two', [GONE, HERE]],
    ['one in the middle', [GONE, HERE, '2001:db8::3', '2001:db8::4']],
    ['the first of many', [HERE, ...Array.from({ length: 50 }, (_, i) => `2001:db8::${i}`)]],
  ])('takes %s, although it answers after 4 s and the others never', async (_, addresses) => {
    const dialling = start(addresses);
    await vi.advanceTimersByTimeAsync(4_000);
    find(HERE)?.emit('connect');
    await dialling;
    expect(made.sockets.filter(({ socket }) => !socket.destroyed).map(({ address }) => address)).toEqual([HERE]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tries the next address at once when one has failed', async () => {
    const dialling = start([GONE, HERE]);
    await vi.advanceTimersByTimeAsync(0);
    expect(find(HERE)).toBeUndefined();
    find(GONE)?.destroy(errno('ENETUNREACH'));
    await vi.advanceTimersByTimeAsync(0);
    find(HERE)?.emit('connect');
    await dialling;
  });

  it('gives every address at least half of the time', async () => {
    const addresses = Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`);
    void start(addresses).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(made.sockets.map(({ address }) => address)).toEqual(addresses);
  });

  it('names each address with its reason', async () => {
    const dialling = start([GONE, HERE, '192.0.2.3']);
    await vi.advanceTimersByTimeAsync(0);
    find(GONE)?.destroy(errno('ENETUNREACH'));
    await vi.advanceTimersByTimeAsync(0);
    find(HERE)?.destroy(errno('ECONNREFUSED'));
    await vi.advanceTimersByTimeAsync(10_000);
    await expect(dialling).rejects.toMatchObject({
      code: 'no-connection',
      message:
        'No connection to far:7701: 2001:db8::2: no way leads to that network; 192.0.2.2: nothing listens there; ' +
        '192.0.2.3: no answer within 10 s. Check the address and the network.',
    });
    expect(made.sockets.every(({ socket }) => socket.destroyed)).toBe(true);
  });

  it('stops them all when its signal is aborted', async () => {
    const stop = new AbortController();
    const dialling = start([GONE, HERE], { signal: stop.signal });
    await vi.advanceTimersByTimeAsync(300);
    stop.abort(new Error('enough'));
    await expect(dialling).rejects.toThrow('enough');
    expect(made.sockets.map(({ socket }) => socket.destroyed)).toEqual([true, true]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['ENOTFOUND', 'EAI_AGAIN', { waitedMs: 10_000 }])(
    'takes the address that has answered before when the look-up fails with %s',
    async (why) => {
      vi.mocked(lookUp).mockRejectedValue(lookupError('far', why));
      const dialling = dial({ host: 'far', port: 7701, timeoutMs: 10_000, fallback: HERE });
      await vi.advanceTimersByTimeAsync(0);
      find(HERE)?.emit('connect');
      await dialling;
    },
  );
});

describe('the sentence about a failure to connect', () => {
  it.each([
    ['ECONNREFUSED', /^Nothing listens on 192\.0\.2\.2:7701\./],
    ['ETIMEDOUT', /nothing answers there/],
    ['EHOSTUNREACH', /no way leads to that machine/],
    ['ENETUNREACH', /no way leads to that network/],
    ['ENETDOWN', /the network is down/],
    ['EAFNOSUPPORT', /IPv4 is switched off on this machine/],
    ['EADDRNOTAVAIL', /no address from which/],
    ['EACCES', /does not permit/],
    ['EPERM', /does not permit/],
    ['EINVAL', /name of an interface/],
    ['EMFILE', /too many files open/],
    ['ENOBUFS', /short of memory/],
    ['ECONNRESET', /broken the connection off/],
    ['EWEIRD', /\(?EWEIRD/],
  ])('of %s is in plain words', (code, words) => {
    const text = describeFailures({ host: HERE, port: 7701 }, [{ address: HERE, cause: errno(code) }]);
    expect(text).toMatch(words);
    expect(text).not.toContain('raw text');
  });

  it('says which family is switched off', () => {
    const text = describeFailures({ host: '::1', port: 1 }, [{ address: '::1', cause: errno('EAFNOSUPPORT') }]);
    expect(text).toContain('[::1]:1: IPv6 is switched off on this machine');
  });

  it('names no more than eight addresses', () => {
    const failures = Array.from({ length: 50 }, (_, i) => ({ address: `192.0.2.${i}`, cause: errno('ECONNREFUSED') }));
    const text = describeFailures({ host: 'far', port: 1 }, failures);
    expect(text).toContain('192.0.2.7 and 42 more)');
    expect(text).not.toContain('192.0.2.8');
  });
});

it.each([
  ['ENOTFOUND', /far is not known/],
  ['EAI_AGAIN', /at the moment: no name server \(DNS\) gives an answer/],
  ['EAI_FAIL', /name server \(DNS\) has failed/],
  ['ENAMETOOLONG', /too long/],
  ['EINVAL', /no name that can be looked up/],
  ['EAI_MEMORY', /cannot be looked up/],
  [{ waitedMs: 10_000 }, /within 10 s: the name server \(DNS\) does not answer/],
])('a look-up that fails with %j has a sentence of its own', (why, words) => {
  const error = lookupError('far', why, typeof why === 'string' ? errno(why) : undefined);
  expect(error).toBeInstanceOf(FtxError);
  expect(error).toMatchObject({ code: 'unknown-host', message: expect.stringMatching(words) as string });
  expect(error.message).not.toContain('raw text');
});
