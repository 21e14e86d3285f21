/** Which files of the home are believed, as sshd decides it with StrictModes. */
import { chmod, chown, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished, vi, type TestContext } from 'vitest';
import { createIdentity, formatIdentity } from '../../src/identity/identity.js';
import { loadIdentity } from '../../src/home/own-identity.js';
import { loadPinKey } from '../../src/home/pin-key.js';
import { readKnownPeers } from '../../src/home/known-peers.js';
import { tempDir } from '../support/folders.js';
import { skipTest } from '../support/skips.js';

const [ROOT, ME, OTHER] = [0, 12_345, 54_321];
const FILES = {
  'identity.pem': { text: formatIdentity(createIdentity()), read: loadIdentity },
  'peers.json': { text: '{"version":1,"hosts":{}}', read: readKnownPeers },
  'pin.key': { text: `${'a'.repeat(64)}\n`, read: loadPinKey },
} as const;
type Name = keyof typeof FILES;

afterEach(() => {
  vi.restoreAllMocks();
});

interface Layout {
  readonly file: readonly [owner: number, mode: number];
  readonly folder: readonly [owner: number, mode: number];
}

/** A home with this file; this process counts as ME. */
async function makeHome(context: TestContext, name: Name, { file, folder }: Layout): Promise<string> {
  if (process.geteuid?.() !== ROOT) skipTest(context, 'files of other users are made by root only');
  const home = join(await tempDir(), 'home');
  await mkdir(home);
  const path = join(home, name);
  await writeFile(path, FILES[name].text);
  await chown(path, file[0], file[0]);
  await chmod(path, file[1]);
  await chown(home, folder[0], folder[0]);
  await chmod(home, folder[1]);
  vi.spyOn(process, 'geteuid').mockReturnValue(ME);
  return home;
}

const names = Object.keys(FILES) as Name[];
const each = <Case extends readonly unknown[]>(cases: readonly Case[]) =>
  cases.flatMap((one) => names.map((name) => [name, ...one] as const));

it.for(
  each([
    ['mine in my folder', [ME, 0o600], [ME, 0o700]],
    ['mine in my folder that others may read', [ME, 0o600], [ME, 0o755]],
    ["mine in root's folder", [ME, 0o600], [ROOT, 0o755]],
    ["root's in root's folder, as in a container", [ROOT, 0o600], [ROOT, 0o755]],
    ["root's in root's folder that nobody may write to", [ROOT, 0o400], [ROOT, 0o555]],
    ["root's in my folder", [ROOT, 0o600], [ME, 0o700]],
  ] as const),
)('%s is believed: %s', async ([name, , file, folder], context) => {
  const home = await makeHome(context, name, { file, folder });
  await expect(FILES[name].read(home)).resolves.toBeDefined();
});

it.for(
  each([
    ["another user's", [OTHER, 0o600], [ME, 0o700], /home\/\S+ belongs to another user: .*chown 12345 /],
    ["another user's in a folder of that user", [OTHER, 0o600], [OTHER, 0o700], /home belongs to another user/],
    ["mine in another user's folder", [ME, 0o600], [OTHER, 0o755], /home belongs to another user: .*chown 12345 /],
    ['mine in a folder that my group may write to', [ME, 0o600], [ME, 0o770], /access to \S+home: .*chmod go-w /],
    ['mine in a folder that all may write to', [ME, 0o600], [ME, 0o777], /access to \S+home: .*chmod go-w /],
    ['mine in a folder like /tmp', [ME, 0o600], [ROOT, 0o1777], /access to \S+home: .*chmod go-w /],
    ['mine, but all may write to it', [ME, 0o666], [ME, 0o700], /access to \S+: .*chmod 600 /],
  ] as const),
)('%s is not believed: %s', async ([name, , file, folder, says], context) => {
  const home = await makeHome(context, name, { file, folder });
  const reading = FILES[name].read(home);
  await expect(reading).rejects.toMatchObject({ code: 'home' });
  await expect(reading).rejects.toThrow(says);
  await expect(reading).rejects.toThrow(/FTX_HOME/);
});

it('a link is not believed when others may write to the folder that it leads to', async (context) => {
  const safe = await makeHome(context, 'peers.json', { file: [ME, 0o600], folder: [ME, 0o700] });
  const home = join(await tempDir(), 'home');
  await mkdir(home, { mode: 0o700 });
  await symlink(join(safe, 'peers.json'), join(home, 'peers.json'));
  await expect(readKnownPeers(home)).resolves.toBeDefined();
  await chmod(safe, 0o777);
  await expect(readKnownPeers(home)).rejects.toMatchObject({ code: 'home' });
});

it('nothing is made in a folder that others may write to', async (context) => {
  if (process.platform === 'win32') skipTest(context, 'there are no such modes here');
  const home = await tempDir();
  await chmod(home, 0o777);
  onTestFinished(() => chmod(home, 0o700));
  await expect(loadIdentity(home)).rejects.toThrow(/access to \S+: .*chmod go-w /);
  await expect(loadPinKey(home)).rejects.toMatchObject({ code: 'home' });
  expect(await readdir(home)).toEqual([]);
});
