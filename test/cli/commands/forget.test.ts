import { afterEach, expect, it, vi } from 'vitest';
import { runForget } from '../../../src/cli/commands/peers.js';
import { readKnownPeers, rememberHost, rememberSender } from '../../../src/home/known-peers.js';
import { spellFingerprint } from '../../../src/core/fingerprint.js';
import { codeOf } from '../../support/error-code.js';
import { tempDir } from '../../support/folders.js';
import { fakeIo } from '../fake-io.js';

const A = `sha256:${'a'.repeat(64)}` as const;
const SPELLED = spellFingerprint(A);

afterEach(() => vi.unstubAllEnvs());

async function newHome() {
  const home = await tempDir();
  vi.stubEnv('FTX_HOME', home);
  return home;
}

it.each([
  ['[0:0:0:0:0:0:0:1]:7000', '[::1]:7000'],
  ['127.1:7000', '127.0.0.1:7000'],
  ['[::ffff:7f00:1]:7000', '127.0.0.1:7000'],
  ['NAS.:7000', 'nas:7000'],
  [SPELLED, `${SPELLED}:6000`],
])('%s forgets the receiver %s', async (typed, host) => {
  const home = await newHome();
  await rememberHost(home, host, A);
  expect(await runForget(typed, fakeIo())).toBe(0);
  expect((await readKnownPeers(home)).hosts.size).toBe(0);
});

it('an identity is a sender first, and a host of that name is kept', async () => {
  const home = await newHome();
  await rememberHost(home, `${SPELLED}:6000`, A);
  await rememberSender(home, A, '192.0.2.7');
  expect(await runForget(SPELLED, fakeIo())).toBe(0);
  const { hosts, senders } = await readKnownPeers(home);
  expect([hosts.size, senders.size]).toEqual([1, 0]);
});

it.each([SPELLED, A, 'nobody', '127.1'])('%s that is not known is told so', async (typed) => {
  await newHome();
  expect(await codeOf(runForget(typed, fakeIo()))).toBe('not-found');
});
