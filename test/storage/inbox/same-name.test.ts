/** Another receiver of the folder stores entries of the same name while this one does: at each step of this one's commit. */
import { lstatSync, readFileSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import type { ConflictPolicy } from '../../../src/core/inbox.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { numberName } from '../../../src/storage/names/free-name.js';
import { expectPart, offerFile, offerLink } from '../../contract/sink.contract.js';
import { codeOf } from '../../support/error-code.js';
import { readNames, tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

/** A step is a system call of this receiver that looks at a name of the entry, or takes it. */
const steps = vi.hoisted(() => {
  let turn: ((step: number) => void) | undefined;
  let last = 0;
  return {
    /** Calls `before` ahead of each step of `work`. What happens then is no step. Resolves with the number of steps. */
    async count(before: (step: number) => void, work: () => Promise<unknown>): Promise<number> {
      [turn, last] = [before, 0];
      await work().finally(() => (turn = undefined));
      return last;
    },
    /** The same call, which counts as a step. */
    counted<T extends (...args: never[]) => unknown>(call: T): T {
      const isStep = (path: unknown) => typeof path === 'string' && /\/f[^/]*$/.test(path);
      const counted = (...args: Parameters<T>) => {
        const before = turn;
        turn = undefined;
        if (before && args.some(isStep)) before((last += 1));
        turn = before;
        return call(...args);
      };
      return counted as T;
    },
  };
});

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, lstatSync: steps.counted(real.lstatSync), linkSync: steps.counted(real.linkSync) };
});
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const [link, lstat] = [steps.counted(real.link), steps.counted(real.lstat)];
  return { ...real, link, lstat, rename: steps.counted(real.rename), symlink: steps.counted(real.symlink) };
});

beforeEach((context) => {
  if (process.platform === 'win32') skipTest(context, 'Windows lets few users make links');
});

type Kind = 'file' | 'link';

const put = (kind: Kind, path: string, content: string) =>
  kind === 'file' ? writeFileSync(path, content) : symlinkSync(content, path);
const read = (kind: Kind, path: string) => (kind === 'file' ? readFileSync(path, 'utf8') : readlinkSync(path));

/** All have one length, so that only the bytes tell them apart. */
const [OURS, FIRST, SECOND] = ['data', 'else', 'more'] as const;

/** Stores a file or a link in the folder as another process would, at one stroke. */
function storeElsewhere(dir: string, kind: Kind, policy: ConflictPolicy, content: string): void {
  if (policy === 'overwrite') {
    put(kind, join(dir, '.other'), content);
    return renameSync(join(dir, '.other'), join(dir, 'f'));
  }
  for (let number = 0; number === 0 || policy === 'rename'; number += 1) {
    const path = join(dir, number === 0 ? 'f' : numberName('f', number));
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return put(kind, path, content);
    if (read(kind, path) === content) return;
  }
}

interface Race {
  readonly kind: Kind;
  readonly policy: ConflictPolicy;
  /** What has the name before. */
  readonly there?: string | undefined;
  /** What the other receiver stores, by the step of this one that comes after it. */
  readonly at: Readonly<Record<number, string>>;
}

/** Stores a file or a link in this new folder. Resolves with the number of steps, and what stands there afterwards. */
async function race(dir: string, { kind, policy, there, at }: Race) {
  const folder = join(dir, 'd');
  await mkdir(folder, { recursive: true });
  if (there !== undefined) put(kind, join(folder, 'f'), there);
  const sink = createFileSink({ dir, onConflict: policy, maxSize: Infinity, sync: false });
  const part = kind === 'file' ? expectPart(await sink.open(offerFile('d/f', OURS.length))) : undefined;
  await part?.write(Buffer.from(OURS), 0);
  let code: string | undefined;
  const count = await steps.count(
    (step) => at[step] !== undefined && storeElsewhere(folder, kind, policy, at[step]),
    async () => (code = await codeOf(part ? part.commit(OURS.length) : sink.place(offerLink('d/f', OURS)))),
  );
  const names = await readNames(folder);
  return { count, code, contents: names.map((name) => read(kind, join(folder, name))) };
}

/** This receiver is done in fewer steps, whatever the other one does twice. */
const MAX_STEPS = 32;

/** The same content as ours ahead of each step, with what comes `before`. */
function sameAhead(before: Race['at'] = {}): Race['at'][] {
  const first = Math.max(0, ...Object.keys(before).map(Number)) + 1;
  return Array.from({ length: MAX_STEPS - first }, (_, index) => ({ ...before, [first + index]: OURS }));
}

async function expectOnce(times: Race['at'][], kind: Kind, policy: ConflictPolicy, there?: string): Promise<void> {
  const dir = await tempDir();
  for (const at of times) {
    const { count, code, contents } = await race(join(dir, JSON.stringify(at)), { kind, policy, there, at });
    expect(count).toBeLessThan(MAX_STEPS);
    const ours = contents.filter((content) => content === OURS);
    expect({ at, code, contents, ours }).toMatchObject({ code: undefined, ours: [OURS] });
  }
}

it.each<[Kind, ConflictPolicy, string | undefined]>([
  ['file', 'rename', undefined],
  ['file', 'rename', FIRST],
  ['file', 'overwrite', undefined],
  ['file', 'overwrite', FIRST],
  ['file', 'skip', undefined],
  ['file', 'fail', undefined],
  ['link', 'rename', undefined],
  ['link', 'overwrite', FIRST],
  ['link', 'skip', undefined],
  ['link', 'fail', undefined],
])('what two store at once stands there once (%s, %s, before: %s)', (...row) => expectOnce(sameAhead(), ...row));

it.each(Array.from({ length: MAX_STEPS - 2 }, (_, index) => index + 1))(
  'what two store at once stands there once, also when other content takes a name ahead of step %i',
  (step) => expectOnce(sameAhead({ [step]: SECOND }), 'file', 'rename', FIRST),
);

it.each(['skip', 'fail'] as const)('other content that got the name first is told and stays (%s)', async (policy) => {
  const dir = await tempDir();
  for (const kind of ['file', 'link'] as const) {
    const outcome = await race(join(dir, kind), { kind, policy, at: { 1: SECOND } });
    expect(outcome).toMatchObject({ code: 'exists', contents: [SECOND] });
  }
});
