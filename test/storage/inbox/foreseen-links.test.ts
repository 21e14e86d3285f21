/** What a list and a dry run tell of a link whose name is taken: only those who may know it learn that it is the same. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import type { Bringer, ConflictPolicy } from '../../../src/core/inbox.js';
import { openFolderInbox } from '../../../src/storage/inbox/inbox.js';
import { offerLink } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

beforeEach((context) => {
  if (process.platform === 'win32') skipTest(context, 'Windows lets few users make links');
});

const keyOf = (digit: string): Bringer => ({ kind: 'key', id: `sha256:${digit.repeat(64)}` });
const ANN = keyOf('a');
const BOB = keyOf('b');
const POLICIES: readonly ConflictPolicy[] = ['rename', 'overwrite', 'skip', 'fail'];

interface Asker {
  readonly bringer: Bringer;
  readonly isKnown: boolean;
}

const STRANGERS: Record<string, Asker> = {
  'with a key': { bringer: BOB, isKnown: false },
  'without encryption': { bringer: { kind: 'none', address: '192.0.2.1' }, isKnown: false },
};

/** A receive folder with the link `d/l` to `one` and, if Ann is to be the one who has brought it, a ledger that tells so. */
async function openInbox(isBrought: boolean) {
  const dir = await tempDir();
  const limits = { maxSize: Infinity, maxFiles: Infinity, quota: undefined, keepPartsMs: Infinity };
  const inbox = await openFolderInbox({ dir, ...limits, sync: true, ledger: true });
  onTestFinished(() => inbox.close());
  const session = (asker: Asker, onConflict: ConflictPolicy = 'rename') =>
    inbox.session({ ...asker, onConflict, isResumable: true });
  if (isBrought) await session({ bringer: ANN, isKnown: false }).place(offerLink('d/l', 'one'));
  else {
    mkdirSync(join(dir, 'd'));
    symlinkSync('one', join(dir, 'd/l'));
  }
  return session;
}

/** The answers of a dry run, and those of the list before a transfer, to the same link and to other ones. */
async function ask(asker: Asker, onConflict: ConflictPolicy, isBrought = true) {
  const open = await openInbox(isBrought);
  const answer = (isDryRun: boolean, target: string) =>
    open(asker, onConflict)
      .plan(isDryRun)
      .add(offerLink('d/l', target))
      .then(
        ({ fate, as }) => ({ fate, as }),
        (error: unknown) => (error as FtxError).code,
      );
  return {
    same: [await answer(true, 'one'), await answer(false, 'one')],
    others: [await answer(true, 'two'), await answer(false, 'two')],
  };
}

describe.each(POLICIES)('with --on-conflict %s', (onConflict) => {
  it.each(Object.entries(STRANGERS))('a stranger %s hears the same whatever the target is', async (_, asker) => {
    for (const isBrought of [true, false]) {
      const { same, others } = await ask(asker, onConflict, isBrought);
      expect(same).toEqual(others);
    }
  });

  it.each([
    ['is known', { bringer: BOB, isKnown: true }],
    ['has brought the link', { bringer: ANN, isKnown: false }],
  ])('a sender that %s hears that the link is there', async (_, asker) => {
    const { same, others } = await ask(asker, onConflict);
    expect(same).toEqual(Array(2).fill({ fate: 'already', as: undefined }));
    expect(others).not.toContainEqual({ fate: 'already', as: undefined });
  });
});

it('a stranger hears of a list no refusal of a link that may be there, and the offer decides', async () => {
  const { same } = await ask(STRANGERS['with a key']!, 'skip');
  expect(same).toEqual(['exists', { fate: 'new', as: undefined }]);
  const open = await openInbox(true);
  const sink = open(STRANGERS['with a key']!, 'skip');
  expect(await sink.place(offerLink('d/l', 'one'))).toEqual({ as: 'd/l', already: true });
});

it('who has brought a link learns nothing of another one that has its name since', async () => {
  const open = await openInbox(true);
  await open({ bringer: BOB, isKnown: false }, 'overwrite').place(offerLink('d/l', 'two'));
  const answer = await open({ bringer: ANN, isKnown: false }).plan(true).add(offerLink('d/l', 'two'));
  expect(answer).toMatchObject({ fate: 'rename' });
});
