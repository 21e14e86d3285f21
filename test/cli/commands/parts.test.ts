import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { describePart, runParts } from '../../../src/cli/commands/parts.js';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { expectPart, offerFile } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { fakeIo } from '../fake-io.js';

const SIZE = 20 * BLOCK_BYTES;

const part = {
  ...{ id: '1f0c5e2a9b3d4c7e', path: 'film.mp4', peer: '192.0.2.7', size: 2_000_000_000, bytes: 900_000_000 },
  ...{ ageSeconds: 3 * 3_600, inUse: false },
};

it('a part is shown with its ID, progress and age', () => {
  expect(describePart(part)).toBe('1f0c5e2a9b3d4c7e  film.mp4  45% of 1.9 GiB  from 192.0.2.7  3 h ago');
});

it('a part that a session is receiving is shown as such', () => {
  expect(describePart({ ...part, inUse: true })).toMatch(/ {2}in use$/);
});

it.each([
  [5, '5 s ago'],
  [600, '10 min ago'],
  [10 * 86_400, '10 days ago'],
])('%d seconds are %s', (ageSeconds, shown) => {
  expect(describePart({ ...part, ageSeconds })).toContain(shown);
});

it('the path of a part is escaped', () => {
  expect(describePart({ ...part, path: 'a\x1b[31m\n' })).not.toMatch(/[\x00-\x1f]/);
});

/** Begins to receive a file of which one block arrives. */
async function begin(dir: string, path: string) {
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: '192.0.2.7' });
  const begun = expectPart(await sink.open(offerFile(path, SIZE)));
  await begun.write(new Uint8Array(BLOCK_BYTES), 0);
  begun.confirm(0, 1n);
  return begun;
}

/** Leaves two unfinished transfers in a folder, and one that a session is receiving. */
async function makeScene() {
  const dir = await tempDir();
  for (const path of ['a/film', 'song']) await (await begin(dir, path)).suspend();
  return { dir, live: await begin(dir, 'live') };
}

async function run(args: { dir: string; drop?: string }) {
  const io = fakeIo();
  const status = await runParts({ ...args, json: true }, io);
  const lines = io.stdout.text().trim().split('\n').filter(Boolean);
  return { status, events: lines.map((line) => JSON.parse(line) as typeof part & { type: string }) };
}

const byPath = (events: readonly (typeof part & { type: string })[]) =>
  Object.fromEntries(events.map(({ type, path, inUse }) => [path, inUse ? `${type} in use` : type]));

async function findId(dir: string, path: string): Promise<string> {
  return (await run({ dir })).events.find((event) => event.path === path)!.id;
}

describe('ftx parts', () => {
  it('lists what broke off, and says what a session is receiving', async () => {
    const { dir, live } = await makeScene();
    const { status, events } = await run({ dir });
    expect([status, byPath(events)]).toEqual([0, { 'a/film': 'part', song: 'part', live: 'part in use' }]);
    expect(events[0]).toMatchObject({ v: 1, size: SIZE, bytes: BLOCK_BYTES, peer: '192.0.2.7' });
    await live.discard();
  });

  it('drops the one with an ID, with all that belongs to it', async () => {
    const { dir, live } = await makeScene();
    const id = await findId(dir, 'a/film');
    const { status, events } = await run({ dir, drop: id });
    expect([status, events]).toEqual([0, [expect.objectContaining({ type: 'dropped', id, path: 'a/film' })]]);
    expect(await readdir(`${dir}/a`)).toEqual([]);
    expect(byPath((await run({ dir })).events)).toEqual({ song: 'part', live: 'part in use' });
    await expect(run({ dir, drop: id })).rejects.toMatchObject({ code: 'not-found' });
    await live.discard();
  });

  it('drops all but what a session is receiving, which is stored whole afterwards', async () => {
    const { dir, live } = await makeScene();
    const { status, events } = await run({ dir, drop: 'all' });
    expect([status, byPath(events)]).toEqual([0, { 'a/film': 'dropped', song: 'dropped', live: 'part in use' }]);
    for (let at = BLOCK_BYTES; at < SIZE; at += BLOCK_BYTES) await live.write(new Uint8Array(BLOCK_BYTES), at);
    expect(await live.commit(SIZE)).toEqual({ as: 'live' });
    expect((await readdir(dir)).sort()).toEqual(['a', 'live']);
    expect(await run({ dir, drop: 'all' })).toEqual({ status: 0, events: [] });
  });

  it('leaves the one with an ID that a session is receiving, and says to try again', async () => {
    const { dir, live } = await makeScene();
    const { status, events } = await run({ dir, drop: await findId(dir, 'live') });
    expect([status, byPath(events)]).toEqual([75, { live: 'part in use' }]);
    await live.discard();
  });

  it('says in words what it has dropped and left', async () => {
    const { dir, live } = await makeScene();
    const io = fakeIo();
    await runParts({ dir, drop: 'all' }, io);
    expect(io.stdout.text().trim().split('\n').sort()).toEqual([
      expect.stringMatching(/^dropped a\/film \([0-9a-f]{16}\): 1 MiB had arrived$/),
      expect.stringMatching(/^dropped song /),
      expect.stringMatching(/^left live \([0-9a-f]{16}\): it is in use/),
    ]);
    await live.discard();
  });
});
