/** Folders and files whose mode closes them to the receiver's own user, who is not root. */
import { chmod, chown, lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeOwnerMark } from '../../src/storage/disk/owner.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { startReceiver, type Mailbox } from '../support/mailbox.js';
import { DEAD_PID, giveTo } from '../support/owners.js';
import { runFtx, startFtx } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { skipTest } from '../support/skips.js';

const NOBODY = 65534;
const STRANGER = 65533;
const MIB = 1024 * 1024;
const POLICIES = ['rename', 'overwrite', 'skip', 'fail'] as const;

beforeEach((context) => {
  if (process.platform !== 'linux') skipTest(context, 'closed folders are opened on Linux only');
  if (process.getuid?.() !== 0) skipTest(context, 'only root can be another user');
});

interface Inbox extends Mailbox {
  /** Starts the next receiver over the same folder. */
  restart(): Promise<Inbox>;
}

/** A receiver that is not root. */
async function startAsNobody(args: readonly string[] = [], home?: string): Promise<Inbox> {
  const place = home ?? (await tempDir());
  await chmod(place, 0o777);
  const dir = join(place, 'in');
  const receiver = await startReceiver(['--dir', dir, ...args], {
    uid: NOBODY,
    env: { FTX_HOME: join(place, 'home') },
  });
  return { ...receiver, dir, restart: () => startAsNobody(args, place) };
}

/** A sender with a home of its own, and a folder to send from. */
async function makeSender() {
  const [home, source] = [await tempDir(), await tempDir()];
  const path = (name: string) => join(source, name);
  return {
    path,
    async make(name: string, content: string | number, mode = 0o644) {
      await mkdir(join(path(name), '..'), { recursive: true });
      await (typeof content === 'number' ? writeContent(path(name), content) : writeFile(path(name), content));
      await chmod(path(name), mode);
    },
    async send({ address }: Mailbox, name: string, ...args: string[]) {
      const env = { FTX_HOME: home };
      const exit = await runFtx(['send', path(name), '--json', '--retry', '0', '--to', address, ...args], { env });
      const events = exit.stdout
        .split('\n')
        .flatMap((line) => (line ? [JSON.parse(line) as Record<string, unknown>] : []));
      return { ...exit, events, of: (entry: string) => events.filter(({ path }) => path === entry).at(-1) };
    },
    start: (to: string, name: string) =>
      startFtx(['send', path(name), '--name', name, '--retry', '0', '--to', to], { env: { FTX_HOME: home } }),
  };
}

const modeOf = async (...path: string[]) => ((await lstat(join(...path))).mode & 0o7777).toString(8);

/** A receiver with a folder `d/ro` of this mode, and `d/ro/old` in it, brought by a sender. */
async function startWithClosed(mode: number, args: readonly string[] = []) {
  const [receiver, sender] = [await startAsNobody(args), await makeSender()];
  await sender.make('d/ro/old', 'old');
  expect((await sender.send(receiver, 'd')).status).toBe(0);
  await chmod(join(receiver.dir, 'd/ro'), mode);
  return { receiver, sender };
}

type Sender = Awaited<ReturnType<typeof makeSender>>;

/** Sends a file that lies ready in the sender's home, up to the middle of it: nothing more comes until the proxy goes on. */
async function stallInside(receiver: Inbox, sender: Sender, name = 'd/ro/film') {
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 4 * MIB } });
  const held = sender.start(proxy.address, name);
  await receiver.program.event('progress', ({ path }) => path === name);
  await proxy.struck;
  return { proxy, held };
}

/** Kills the receiver while it has opened `d/ro`, which is closed for looking into it too, for `d/ro/film`. */
async function killWhileOpen(receiver: Inbox, sender: Sender): Promise<void> {
  await sender.make('d/ro/film', 12 * MIB);
  const { held } = await stallInside(receiver, sender);
  await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('544');
  receiver.program.kill('SIGKILL');
  await receiver.program.exit;
  held.kill('SIGKILL');
}

/** Breaks a transfer of `d/ro/film` off, so that a part of it stays. */
async function breakOff(receiver: Inbox, sender: Sender): Promise<void> {
  const mode = await modeOf(receiver.dir, 'd/ro');
  await sender.make('d/ro/film', 12 * MIB);
  const proxy = await startProxy(receiver.port, { toReceiver: { cut: 4 * MIB } });
  const through = { ...receiver, address: proxy.address };
  expect((await sender.send(through, 'd/ro/film', '--name', 'd/ro/film')).status).toBe(75);
  await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe(mode);
}

async function endOf({ program }: Mailbox): Promise<void> {
  program.kill('SIGTERM');
  await program.exit;
}

/** Whether nothing is open any more. */
async function expectNoNotes(dir: string): Promise<void> {
  const names = await readdir(join(dir, '.ftx-ledger')).catch(() => []);
  expect(names.filter((name) => name.startsWith('.ftx-open-'))).toEqual([]);
}

describe('a folder that is closed for writing', () => {
  type Bring = readonly [string, (sender: Sender) => Promise<void>, string];
  const BRINGS: readonly [Bring, ...Bring[]] = [
    ['a file', (sender) => sender.make('d/ro/new', 'new'), 'new'],
    ['a large file', (sender) => sender.make('d/ro/new', 12 * MIB), 'new'],
    ['a folder', (sender) => mkdir(sender.path('d/ro/new')), 'new'],
    ['a file in a new folder', (sender) => sender.make('d/ro/sub/new', 'new'), 'sub/new'],
    ['a link', (sender) => symlink('old', sender.path('d/ro/new')), 'new'],
  ];

  const MODES = [
    ...BRINGS.map((bring) => [0o555, ...bring] as const),
    ...[0o500, 0o444, 0o300, 0o000].map((mode) => [mode, ...BRINGS[0]] as const),
  ];

  it.each(MODES)('(%o) takes %s, and has its mode afterwards', async (mode, _, bring, name) => {
    const { receiver, sender } = await startWithClosed(mode);
    await bring(sender);
    await chmod(sender.path('d/ro'), mode);
    const { status, stderr } = await sender.send(receiver, 'd');
    expect(status, stderr).toBe(0);
    expect(await lstat(join(receiver.dir, 'd/ro', name))).toBeDefined();
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe(mode.toString(8));
    await expectNoNotes(receiver.dir);
  });

  it('takes what replaces a file in it (overwrite)', async () => {
    const { receiver, sender } = await startWithClosed(0o555, ['--on-conflict', 'overwrite']);
    await sender.make('d/ro/old', 'a newer one');
    expect((await sender.send(receiver, 'd/ro/old', '--name', 'd/ro/old')).status).toBe(0);
    expect((await lstat(join(receiver.dir, 'd/ro/old'))).size).toBe(11);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('555');
  });

  it('takes files without a ledger too, and nothing is left of that', async () => {
    const { receiver, sender } = await startWithClosed(0o555, ['--no-ledger']);
    await sender.make('d/ro/new', 'new');
    expect((await sender.send(receiver, 'd/ro/new', '--name', 'd/ro/new')).status).toBe(0);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('555');
    expect(await readNames(receiver.dir)).toEqual(['d', 'd/ro', 'd/ro/new', 'd/ro/old']);
    await expect.poll(() => lstat(join(receiver.dir, '.ftx-ledger')).catch(() => 'gone')).toBe('gone');
  });

  it('is not touched when nothing new comes, nor by a dry run', async () => {
    const { receiver, sender } = await startWithClosed(0o555);
    await chmod(sender.path('d/ro'), 0o555);
    const { ctimeMs } = await lstat(join(receiver.dir, 'd/ro'));
    expect((await sender.send(receiver, 'd/ro/old', '--name', 'd/ro/old')).of('d/ro/old')).toMatchObject({
      already: true,
    });
    await chmod(sender.path('d/ro'), 0o755);
    await sender.make('d/ro/new', 'new');
    const dry = await sender.send(receiver, 'd/ro/new', '--name', 'd/ro/new', '--dry-run');
    expect([dry.status, dry.of('d/ro/new')]).toMatchObject([0, { fate: 'new' }]);
    expect((await lstat(join(receiver.dir, 'd/ro'))).ctimeMs).toBe(ctimeMs);
  });

  it('has its mode after a transfer that broke off, and takes the rest of it', async () => {
    const { receiver, sender } = await startWithClosed(0o555);
    await breakOff(receiver, sender);
    const again = await sender.send(receiver, 'd/ro/film', '--name', 'd/ro/film');
    expect(again.status, again.stderr).toBe(0);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('555');
    expect(await readNames(receiver.dir)).toEqual(['d', 'd/ro', 'd/ro/film', 'd/ro/old']);
  });

  it.each([
    ['with a ledger', []],
    ['without a ledger', ['--no-ledger']],
  ])('is closed again by the next receiver when one was killed while it was open (%s)', async (_, args) => {
    const { receiver, sender } = await startWithClosed(0o444, args);
    await killWhileOpen(receiver, sender);
    const next = await receiver.restart();
    expect(await modeOf(receiver.dir, 'd/ro')).toBe('444');
    const again = await sender.send(next, 'd/ro/film', '--name', 'd/ro/film');
    expect(again.status, again.stderr).toBe(0);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('444');
  });

  it('is closed by a later receiver when the next one cannot get there', async () => {
    const { receiver, sender } = await startWithClosed(0o444);
    await killWhileOpen(receiver, sender);
    await chmod(join(receiver.dir, 'd'), 0o000);
    await endOf(await receiver.restart());
    await chmod(join(receiver.dir, 'd'), 0o755);
    expect(await modeOf(receiver.dir, 'd/ro')).toBe('544');
    await receiver.restart();
    expect(await modeOf(receiver.dir, 'd/ro')).toBe('444');
    await expectNoNotes(receiver.dir);
  });

  it('is not opened to look for what transfers that broke off have left in it', async () => {
    const { receiver, sender } = await startWithClosed(0o555);
    await breakOff(receiver, sender);
    await endOf(receiver);
    // The receiver looks there after it has looked at the folder.
    const below = join(receiver.dir, 'd/ro/below');
    const leftover = join(below, `.ftx-${giveTo(DEAD_PID, makeOwnerMark())}.part`);
    await mkdir(below);
    await writeFile(leftover, '');
    await chown(below, NOBODY, NOBODY);
    const { ctimeMs } = await lstat(join(receiver.dir, 'd/ro'));
    await receiver.restart();
    await expect.poll(() => lstat(leftover).catch(() => 'gone')).toBe('gone');
    const listed = await runFtx(['parts', '--dir', receiver.dir], { uid: NOBODY });
    expect(listed.stdout).toContain('d/ro/film');
    expect((await lstat(join(receiver.dir, 'd/ro'))).ctimeMs).toBe(ctimeMs);
  });

  it('gets the mode that its sender gives it while it is open for another, who goes on', async () => {
    const { receiver, sender } = await startWithClosed(0o444);
    const other = await makeSender();
    await other.make('d/ro/film', 12 * MIB);
    const { proxy, held } = await stallInside(receiver, other);
    await chmod(sender.path('d/ro'), 0o500);
    const { status, stderr } = await sender.send(receiver, 'd');
    expect(status, stderr).toBe(0);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('544');
    proxy.resume();
    expect((await held.exit).status).toBe(0);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('500');
    expect(await readNames(receiver.dir)).toEqual(['d', 'd/ro', 'd/ro/film', 'd/ro/old']);
    await expectNoNotes(receiver.dir);
  });

  type Stranger = readonly [string, (sender: Sender) => Promise<void>, string];
  const UNFINISHED: readonly Stranger[] = [
    ['a large file', (sender) => sender.make('d/ro/film', 12 * MIB), 'd/ro/film'],
    ['a large file in a new folder', (sender) => sender.make('d/ro/sub/film', 12 * MIB), 'd/ro/sub/film'],
    ['a file that is not kept', (sender) => sender.make('d/ro/film', 5 * MIB), 'd/ro/film'],
  ];

  it.each([0o444, 0o000])('(%o) is open for looking only while nothing more comes of a file', async (mode) => {
    const { receiver, sender } = await startWithClosed(mode);
    await sender.make('d/ro/film', 12 * MIB);
    const { proxy, held } = await stallInside(receiver, sender);
    // The part may be in the making for a moment after its first block has come.
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe((mode | 0o500).toString(8));
    proxy.resume();
    expect((await held.exit).status).toBe(0);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe(mode.toString(8));
    await expectNoNotes(receiver.dir);
  });

  it.each(UNFINISHED)('is closed while nothing more comes of %s, and when it comes', async (_, make, name) => {
    const { receiver, sender } = await startWithClosed(0o555);
    await make(sender);
    const { proxy, held } = await stallInside(receiver, sender, name);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('555');
    await expectNoNotes(receiver.dir);
    proxy.resume();
    expect((await held.exit).status).toBe(0);
    expect(await lstat(join(receiver.dir, name))).toMatchObject({ size: (await lstat(sender.path(name))).size });
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('555');
    await expectNoNotes(receiver.dir);
  });

  it.each(UNFINISHED)('is closed, and has nothing left of %s that is given up', async (_, make, name) => {
    const { receiver, sender } = await startWithClosed(0o555);
    await make(sender);
    const { held } = await stallInside(receiver, sender, name);
    held.kill('SIGKILL');
    await receiver.program.event('done', ({ failed }) => failed === 1);
    const dropped = await runFtx(['parts', '--dir', receiver.dir, '--drop', 'all'], { uid: NOBODY });
    expect(dropped.status, dropped.stderr).toBe(0);
    // A folder with a kept part in it stays when the part is dropped later.
    expect((await readNames(join(receiver.dir, 'd/ro'))).filter((other) => other !== 'sub')).toEqual(['old']);
    expect(await modeOf(receiver.dir, 'd/ro')).toBe('555');
    await expectNoNotes(receiver.dir);
  });

  it('that was closed while a file came takes it all the same', async () => {
    const { receiver, sender } = await startWithClosed(0o755);
    await sender.make('d/ro/film', 12 * MIB);
    const { proxy, held } = await stallInside(receiver, sender);
    await chmod(join(receiver.dir, 'd/ro'), 0o555);
    proxy.resume();
    expect((await held.exit).status).toBe(0);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('555');
  });

  it('takes the files of many senders at once', async () => {
    const { receiver } = await startWithClosed(0o555);
    const senders = await Promise.all(Array.from({ length: 4 }, makeSender));
    for (const [number, sender] of senders.entries())
      for (let file = 0; file < 5; file++) await sender.make(`d/ro/${number}-${file}`, `${number} ${file}`);
    const exits = await Promise.all(senders.map((sender) => sender.send(receiver, 'd')));
    for (const { status, stderr } of exits) expect(status, stderr).toBe(0);
    expect(await readNames(join(receiver.dir, 'd/ro'))).toHaveLength(21);
    await expect.poll(() => modeOf(receiver.dir, 'd/ro')).toBe('555');
    await expectNoNotes(receiver.dir);
  });

  it.each([0o555, 0o444])('(%o) gives back what a transfer that broke off has left in it', async (mode) => {
    const { receiver, sender } = await startWithClosed(mode);
    await breakOff(receiver, sender);
    expect(await readNames(join(receiver.dir, 'd/ro'))).not.toEqual(['old']);
    const dropped = await runFtx(['parts', '--dir', receiver.dir, '--drop', 'all'], { uid: NOBODY });
    expect(dropped.status, dropped.stderr).toBe(0);
    expect(await readNames(join(receiver.dir, 'd/ro'))).toEqual(['old']);
    expect(await modeOf(receiver.dir, 'd/ro')).toBe(mode.toString(8));
  });

  it.each([0o755, 0o555])('of another user (%o) is named, with its mode and the way out', async (mode) => {
    const { receiver, sender } = await startWithClosed(mode);
    await chown(join(receiver.dir, 'd/ro'), STRANGER, STRANGER);
    for (const name of ['one', 'two']) await sender.make(`d/ro/${name}`, name);
    const sentence = `d/ro: the folder is closed for writing on the receiver (mode ${mode.toString(8)}, of another user); its owner can open it there.`;
    for (const args of [['--dry-run'], []]) {
      const { status, of } = await sender.send(receiver, 'd', ...args);
      expect(status).toBe(77);
      for (const name of ['d/ro/one', 'd/ro/two'])
        expect(of(name)).toMatchObject({ code: 'denied', message: sentence });
    }
    expect(await modeOf(receiver.dir, 'd/ro')).toBe(mode.toString(8));
  });
});

describe('files and folders that are closed to reading', () => {
  /** Folder d with a file of mode 000 in it, and a folder of mode `folderMode` with two files. */
  async function sendClosed(folderMode: number, args: readonly string[]) {
    const [receiver, sender] = [await startAsNobody(args), await makeSender()];
    await sender.make('d/f', 'content', 0o000);
    await sender.make('d/closed/g', 'content', 0o000);
    await sender.make('d/closed/h', 'content', 0o644);
    await chmod(sender.path('d/closed'), folderMode);
    const first = await sender.send(receiver, 'd');
    expect(first.status, first.stderr).toBe(0);
    return { receiver, sender };
  }

  type Way = [mode: number, policy: string, args: string[]];
  const WAYS: readonly Way[] = [
    ...POLICIES.flatMap((policy): Way[] => [
      [0o000, policy, []],
      [0o000, policy, ['--no-ledger']],
    ]),
    ...[0o600, 0o300].map((mode): Way => [mode, 'rename', ['--no-ledger']]),
  ];

  it.each(WAYS)('(%o) are there already when they are sent again (%s) %j', async (folderMode, policy, args) => {
    const { receiver, sender } = await sendClosed(folderMode, ['--on-conflict', policy, ...args]);
    for (let times = 0; times < 2; times++) {
      const again = await sender.send(receiver, 'd');
      expect(again.status, again.stderr).toBe(0);
      for (const name of ['d/f', 'd/closed/g', 'd/closed/h'])
        expect(again.of(name), name).toMatchObject({ type: 'stored', already: true });
    }
    expect(await readNames(receiver.dir)).toEqual(['d', 'd/closed', 'd/closed/g', 'd/closed/h', 'd/f']);
    for (const name of ['d/f', 'd/closed/g']) expect(await modeOf(receiver.dir, name)).toBe('0');
    await expect.poll(() => modeOf(receiver.dir, 'd/closed')).toBe(folderMode.toString(8));
    await expectNoNotes(receiver.dir);
  });

  it('are known by the ledger again after they were compared, so that nothing is read', async () => {
    const { receiver, sender } = await sendClosed(0o755, []);
    // A sender vouches for no file that has changed in the last two seconds.
    const settled = Date.now() + 2_100;
    await expect.poll(() => Date.now() > settled, { timeout: 5_000, interval: 100 }).toBe(true);
    // As a restored backup has it: other times of change.
    await chmod(join(receiver.dir, 'd/f'), 0o400);
    await chmod(join(receiver.dir, 'd/f'), 0o000);
    await sender.send(receiver, 'd/f', '--name', 'd/f');
    const { ctimeMs } = await lstat(join(receiver.dir, 'd/f'));
    const again = await sender.send(receiver, 'd/f', '--name', 'd/f');
    expect(again.of('d/f')).toMatchObject({ already: true });
    expect((await lstat(join(receiver.dir, 'd/f'))).ctimeMs).toBe(ctimeMs);
  });

  it('are foreseen by a dry run as a send finds them', async () => {
    const { receiver, sender } = await sendClosed(0o000, []);
    const dry = await sender.send(receiver, 'd', '--dry-run');
    expect(dry.status, dry.stderr).toBe(0);
    for (const name of ['d/f', 'd/closed/g', 'd/closed/h', 'd/closed'])
      expect(dry.of(name), name).toMatchObject({ type: 'planned', fate: 'already' });
    expect(await modeOf(receiver.dir, 'd/closed')).toBe('0');
  });
});

describe('a file of another user that the receiver may not read', () => {
  async function startWithForeign(policy: string) {
    const [receiver, sender] = [await startAsNobody(['--on-conflict', policy]), await makeSender()];
    await sender.make('f', 'content', 0o600);
    expect((await sender.send(receiver, 'f')).status).toBe(0);
    await chown(join(receiver.dir, 'f'), STRANGER, STRANGER);
    return { receiver, sender };
  }

  it.each(['rename', 'skip', 'fail'])('is told with its mode and the way out (%s)', async (policy) => {
    const { receiver, sender } = await startWithForeign(policy);
    const message =
      'f: a file of that name is there already and could not be compared: the receiver may not read it (mode 600, of another user); its owner can open it there.';
    for (const args of [['--dry-run'], []]) {
      const { status, of } = await sender.send(receiver, 'f', ...args);
      expect([status, of('f')]).toMatchObject([77, { type: 'refused', code: 'exists', message }]);
    }
    expect(await readNames(receiver.dir)).toEqual(['f']);
  });

  it('is replaced (overwrite)', async () => {
    const { receiver, sender } = await startWithForeign('overwrite');
    expect((await sender.send(receiver, 'f', '--dry-run')).of('f')).toMatchObject({ fate: 'replace' });
    const { status, of } = await sender.send(receiver, 'f');
    expect([status, of('f')]).toMatchObject([0, { type: 'stored', already: false }]);
    expect((await lstat(join(receiver.dir, 'f'))).uid).toBe(NOBODY);
  });
});
