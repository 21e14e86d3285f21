import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  forgetHost,
  forgetSenders,
  noteVisit,
  readKnownPeers,
  rememberHost,
  rememberSender,
} from '../../src/home/known-peers.js';
import type { Fingerprint } from '../../src/core/fingerprint.js';
import { listPeers } from '../../src/home/peers.js';
import { makeOwnerMark } from '../../src/storage/disk/owner.js';
import { codeOf } from '../support/error-code.js';
import { tempDir } from '../support/folders.js';
import { DEAD_PID, giveTo } from '../support/owners.js';

const A = `sha256:${'a'.repeat(64)}` as const;
const B = `sha256:${'b'.repeat(64)}` as const;
const MARK_OF_THE_DEAD = giveTo(DEAD_PID, makeOwnerMark());

describe('known peers', () => {
  it('keep who was first, until it is forgotten', async () => {
    const home = await tempDir();
    expect(await rememberHost(home, 'host:6000', A)).toBe(A);
    expect(await rememberHost(home, 'host:6000', B)).toBe(A);
    expect(await rememberHost(home, 'host:6001', B)).toBe(B);
    expect(await rememberHost(home, 'host:6000', B, true)).toBe(A);
    expect(await rememberHost(home, 'host:6000', A, true)).toBe(A);
    expect(await rememberHost(home, 'host:6000', A)).toBe(A);
    const { hosts } = await readKnownPeers(home);
    expect([...hosts.values()].map(({ identity, paired }) => [identity, paired])).toEqual([
      [A, true],
      [B, false],
    ]);
    expect(await forgetHost(home, 'host:6000')).toBe(true);
    expect(await forgetHost(home, 'host:6000')).toBe(false);
    expect([...(await readKnownPeers(home)).hosts.keys()]).toEqual(['host:6001']);
    expect(await readdir(home)).toEqual(['peers.json']);
  });

  it('keep senders beside hosts, until they are forgotten', async () => {
    const home = await tempDir();
    await rememberHost(home, 'host:6000', A);
    await rememberSender(home, A, '192.0.2.7');
    await rememberSender(home, B, '192.0.2.8');
    expect(await forgetSenders(home, (identity) => identity === A)).toEqual([A]);
    expect(await forgetSenders(home, (identity) => identity === A)).toEqual([]);
    const { hosts, senders } = await readKnownPeers(home);
    expect([[...hosts.keys()], [...senders].map(([identity, { address }]) => [identity, address])]).toEqual([
      ['host:6000'],
      [[B, '192.0.2.8']],
    ]);
  });

  it('that know no senders yet are read', async () => {
    const home = await tempDir();
    await writeFile(join(home, 'peers.json'), `{"version":1,"hosts":{"h:1":{"identity":"${A}","since":""}}}`, {
      mode: 0o600,
    });
    expect((await readKnownPeers(home)).senders.size).toBe(0);
  });

  it('are not written again when there is nothing new', async () => {
    const home = await tempDir();
    await rememberHost(home, 'host:6000', A);
    const { ino } = await stat(join(home, 'peers.json'));
    await rememberHost(home, 'host:6000', A);
    await forgetHost(home, 'elsewhere:6000');
    expect((await stat(join(home, 'peers.json'))).ino).toBe(ino);
  });

  it('count several spellings of one address as one host: the one that has proved a code, or else the first', async () => {
    const home = await tempDir();
    const hosts = {
      '[0:0:0:0:0:0:0:1]:6000': { identity: B, since: '2026-02-01' },
      '[::1]:6000': { identity: A, since: '2026-01-01' },
      '127.1:6000': { identity: B, since: '2026-02-01', paired: true },
      '127.0.0.1:6000': { identity: A, since: '2026-01-01' },
      'nas.:6000': { identity: A, since: '2026-01-01' },
    };
    await writeFile(join(home, 'peers.json'), JSON.stringify({ version: 1, hosts }), { mode: 0o600 });
    const known = (await readKnownPeers(home)).hosts;
    expect([...known].map(([host, { identity }]) => [host, identity])).toEqual([
      ['[::1]:6000', A],
      ['127.0.0.1:6000', B],
      ['nas:6000', A],
    ]);
    expect(await forgetHost(home, '127.0.0.1:6000')).toBe(true);
    expect([...(await readKnownPeers(home)).hosts.keys()]).toEqual(['[::1]:6000', 'nas:6000']);
  });

  it('lose nothing when many remember at once', async () => {
    const home = await tempDir();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 ? rememberHost(home, `host:${i}`, A) : rememberSender(home, `sha256:${String(i).padStart(64, '0')}`, 'x'),
      ),
    );
    const { hosts, senders } = await readKnownPeers(home);
    expect([hosts.size, senders.size]).toEqual([10, 10]);
  });

  it('do not wait for a process that was killed', async () => {
    const home = await tempDir();
    await writeFile(join(home, 'peers.json.lock'), `${MARK_OF_THE_DEAD} 000000000000\n`);
    await symlink(MARK_OF_THE_DEAD, join(home, 'peers.json.lock.lock'));
    for (const name of ['peers.json', 'peers.json.lock', 'identity.pem'])
      await writeFile(join(home, `${name}.${MARK_OF_THE_DEAD}`), 'left');
    expect(await rememberHost(home, 'host:6000', A)).toBe(A);
    expect(await readdir(home)).toEqual(['peers.json']);
  });

  it.each([
    '',
    '{',
    '[]',
    '{"version":2,"hosts":{}}',
    '{"version":1,"hosts":{"h":{"identity":"x","since":""}}}',
    '{"version":1,"hosts":{"h":null}}',
    '{"version":1,"hosts":[]}',
    '{"version":1,"hosts":{},"senders":null}',
    '{"version":1,"hosts":{},"senders":{"x":{"address":"a","since":""}}}',
    `{"version":1,"hosts":{},"senders":{"${A}":{"since":""}}}`,
  ])('that are %j are reported and not replaced', async (text) => {
    const home = await tempDir();
    const path = join(home, 'peers.json');
    await writeFile(path, text, { mode: 0o600 });
    expect(await codeOf(readKnownPeers(home))).toBe('home');
    expect(await codeOf(rememberHost(home, 'host:6000', A))).toBe('home');
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('that others can write are not believed', async () => {
    const home = await tempDir();
    await rememberHost(home, 'host:6000', A);
    await chmod(join(home, 'peers.json'), 0o666);
    await expect(readKnownPeers(home)).rejects.toThrow(/chmod 600/);
  });
});

describe('a known sender that comes again', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  async function pairedOn(day: string) {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date(`${day}T12:00:00Z`) });
    const home = await tempDir();
    await rememberSender(home, A, '192.0.2.7');
    const inode = async () => (await stat(join(home, 'peers.json'))).ino;
    const come = (address: string, on: string, who: Fingerprint = A) => {
      vi.setSystemTime(new Date(`${on}T12:00:00Z`));
      return noteVisit(home, who, address);
    };
    return { home, inode, come };
  }

  it('is listed with the address and the day of its last visit', async () => {
    const { home, come } = await pairedOn('2026-01-31');
    const paired = { address: '192.0.2.7', since: '2026-01-31T12:00:00.000Z' };
    expect(await listPeers(home)).toMatchObject([{ ...paired, lastAddress: '192.0.2.7', lastSeen: '2026-01-31' }]);
    await come('192.0.2.9', '2026-02-03');
    expect(await listPeers(home)).toMatchObject([{ ...paired, lastAddress: '192.0.2.9', lastSeen: '2026-02-03' }]);
    await come('192.0.2.7', '2026-02-03');
    expect(await listPeers(home)).toMatchObject([{ ...paired, lastAddress: '192.0.2.7', lastSeen: '2026-02-03' }]);
  });

  it('costs the disk nothing more on the same day', async () => {
    const { inode, come } = await pairedOn('2026-01-31');
    await come('192.0.2.9', '2026-02-03');
    const before = await inode();
    await come('192.0.2.9', '2026-02-03');
    expect(await inode()).toBe(before);
    await come('192.0.2.9', '2026-02-04');
    expect(await inode()).not.toBe(before);
  });

  it('does not make a sender known that is not, or not any more', async () => {
    const { home, come } = await pairedOn('2026-01-31');
    await come('192.0.2.9', '2026-02-03', B);
    await forgetSenders(home, () => true);
    await come('192.0.2.9', '2026-02-03');
    expect(await listPeers(home)).toEqual([]);
  });

  it.each(['null', '7', '{}', '{"address":1,"day":"x"}', '[]'])('is let in whatever stands there: %s', async (last) => {
    const home = await tempDir();
    const text = `{"version":1,"hosts":{},"senders":{"${A}":{"address":"a","since":"","last":${last}}}}`;
    await writeFile(join(home, 'peers.json'), text, { mode: 0o600 });
    expect([...(await readKnownPeers(home)).senders.values()]).toEqual([{ address: 'a', since: '' }]);
  });
});
