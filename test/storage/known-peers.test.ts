import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forgetHost, readKnownHosts, rememberHost } from '../../src/storage/known-peers.js';
import { makeOwnerMark } from '../../src/storage/owner.js';
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
    expect(await forgetHost(home, 'host:6000')).toBe(true);
    expect(await forgetHost(home, 'host:6000')).toBe(false);
    expect([...(await readKnownHosts(home)).keys()]).toEqual(['host:6001']);
    expect(await readdir(home)).toEqual(['peers.json']);
  });

  it('lose nothing when many remember at once', async () => {
    const home = await tempDir();
    await Promise.all(Array.from({ length: 20 }, (_, i) => rememberHost(home, `host:${i}`, A)));
    expect((await readKnownHosts(home)).size).toBe(20);
  });

  it.each([MARK_OF_THE_DEAD, ''])('do not wait for a process that was killed (%j)', async (mark) => {
    const home = await tempDir();
    await writeFile(join(home, 'peers.json.lock'), mark);
    for (const name of ['peers.json', 'peers.json.lock', 'identity.pem']) await writeFile(join(home, `${name}.${MARK_OF_THE_DEAD}`), 'left');
    expect(await rememberHost(home, 'host:6000', A)).toBe(A);
    expect(await readdir(home)).toEqual(['peers.json']);
  });

  it.each(['', '{', '[]', '{"version":2,"hosts":{}}', '{"version":1,"hosts":{"h":{"identity":"x","since":""}}}', '{"version":1,"hosts":{"h":null}}'])(
    'that are %j are reported and not replaced',
    async (text) => {
      const home = await tempDir();
      const path = join(home, 'peers.json');
      await writeFile(path, text, { mode: 0o600 });
      expect(await codeOf(readKnownHosts(home))).toBe('home');
      expect(await codeOf(rememberHost(home, 'host:6000', A))).toBe('home');
      expect(await readFile(path, 'utf8')).toBe(text);
    },
  );

  it('that others can write are not believed', async () => {
    const home = await tempDir();
    await rememberHost(home, 'host:6000', A);
    await chmod(join(home, 'peers.json'), 0o666);
    await expect(readKnownHosts(home)).rejects.toThrow(/chmod 600/);
  });
});
