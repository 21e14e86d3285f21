import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError, send as sendByLibrary } from 'ftx';
import { describe, expect, it } from 'vitest';
import { makeContent, readNames, readTree, tempDir, writeContent } from '../support/folders.js';
import { sendPlain as send, startPlainReceiver as startReceiver } from '../support/mailbox.js';
import { startProxy, type Faults } from '../support/proxy.js';

const MIB = 1024 * 1024;
/** Short where most conversations get stuck; what is to arrive in spite of the damage gets time. */
const SHORT_TIMEOUT_S = 1;
const LONG_TIMEOUT_S = 30;
/** So many transfers are under way at once. */
const WIDTH = 50;
/** More than a conversation about a small file takes, content aside. */
const FIRST_BYTES = 500;

describe('a bit that flips in the content', () => {
  it.each([
    ['the only block', 300_000, 150_000],
    ['the first block', 5 * MIB + 3, MIB / 2],
    ['a block in the middle', 5 * MIB + 3, 3 * MIB + 77],
    ['the last bytes', 5 * MIB + 3, 5 * MIB + 300],
  ])('in %s is found, sent again, and the file arrives as it is', async (_, size, flip) => {
    const receiver = await startReceiver();
    const path = join(await tempDir(), 'file.bin');
    await writeContent(path, size, size);
    const proxy = await startProxy(receiver.port, { toReceiver: { flip, bit: 3 } });
    const { status, stderr } = await send(proxy.address, path);
    await proxy.struck;
    expect(status, stderr).toBe(0);
    expect(proxy.passed.toReceiver).toBeGreaterThan(size + Math.min(size, MIB) / 2);
    expect((await readFile(path)).equals(await readFile(join(receiver.dir, 'file.bin')))).toBe(true);
    expect(await readNames(receiver.dir)).toEqual(['file.bin']);
  });
});

interface Damage {
  readonly name: string;
  readonly faults: Faults;
}

interface Outcome {
  readonly struck: boolean;
  readonly stored: boolean;
}

/** Sends `content` once per damage, each under its own name; whatever comes of it, nothing wrong may be in the folder. */
async function sendDamaged(
  content: Buffer,
  damages: readonly Damage[],
  timeoutS = SHORT_TIMEOUT_S,
): Promise<Outcome[]> {
  const receiver = await startReceiver(['--timeout', String(timeoutS)]);
  const path = join(await tempDir(), 'content.bin');
  await writeFile(path, content);
  const outcomes: Outcome[] = [];
  const queue = [...damages];

  async function work(): Promise<void> {
    for (let damage = queue.shift(); damage !== undefined; damage = queue.shift()) {
      outcomes.push(await sendOnce(receiver.port, path, damage, timeoutS * 1000));
    }
  }
  await Promise.all(Array.from({ length: WIDTH }, work));
  receiver.program.kill('SIGTERM');
  expect((await receiver.program.exit).status).toBe(143);

  const good = createHash('sha256').update(content).digest('hex');
  const names = new Set(damages.map(({ name }) => name));
  for (const { path: arrived, content: hash } of await readTree(receiver.dir)) {
    expect([names.has(arrived), hash], arrived).toEqual([true, good]);
  }
  return outcomes;
}

async function sendOnce(port: number, path: string, { name, faults }: Damage, timeoutMs: number): Promise<Outcome> {
  const proxy = await startProxy(port, faults);
  let struck = false;
  void proxy.struck.then(() => (struck = true));
  const to = { host: '127.0.0.1', port: proxy.port };
  try {
    const result = await sendByLibrary({ paths: [path], name, to, plain: true, timeoutMs, retries: 0 });
    if (result.firstFailure) throw result.firstFailure;
    expect(result, name).toMatchObject({ stored: 1, refused: 0, failed: 0 });
    return { struck, stored: true };
  } catch (error) {
    if (!(error instanceof FtxError)) throw error;
    expect(error.message, name).toMatch(/^[^\n]{10,}$/);
    return { struck, stored: false };
  } finally {
    proxy.close();
  }
}

const small = makeContent(700);

describe('a bit that flips anywhere', () => {
  it(
    'in each of the first bytes of either direction never does harm',
    async () => {
      const damages = (['toReceiver', 'toSender'] as const).flatMap((direction) =>
        Array.from({ length: FIRST_BYTES }, (_, flip) => ({
          name: `${direction} ${flip}`,
          faults: { [direction]: { flip, bit: flip % 8 } },
        })),
      );
      const outcomes = await sendDamaged(small, damages);
      expect(outcomes).toHaveLength(damages.length);
      // The conversation towards the sender is shorter than that, but all of it was hit.
      expect(outcomes.filter(({ struck }) => struck).length).toBeGreaterThan(FIRST_BYTES + 150);
    },
    // A length that became larger is found to be wrong only by the 60 s that a frame may take.
    120_000,
  );

  it('in several blocks, at positions spread over all of it, never does harm', async () => {
    const size = 3 * MIB + 5;
    const damages = Array.from({ length: 60 }, (_, i) => ({
      name: `spread ${i}`,
      faults: { toReceiver: { flip: Math.floor(((i + 0.5) * size) / 60), bit: i % 8 } },
    }));
    const outcomes = await sendDamaged(makeContent(size), damages, LONG_TIMEOUT_S);
    // Nearly all of it is content, which is sent again.
    expect(outcomes.filter(({ struck, stored }) => struck && stored).length).toBeGreaterThan(55);
  });

  it('at the borders of blocks never does harm', async () => {
    const size = 2 * MIB + 5;
    const damages = [1, 2].flatMap((block) =>
      Array.from({ length: 150 }, (_, i) => ({
        name: `border ${block} ${i}`,
        faults: { toReceiver: { flip: block * MIB + 250 + i * 4, bit: i % 8 } },
      })),
    );
    await sendDamaged(makeContent(size), damages);
  });
});

it('a stream cut after each of the first bytes never does harm', async () => {
  const damages = (['toReceiver', 'toSender'] as const).flatMap((direction) =>
    Array.from({ length: 150 }, (_, i) => ({
      name: `${direction} ${i * 8}`,
      faults: { [direction]: i % 2 === 0 ? { cut: i * 8 } : { close: i * 8 } },
    })),
  );
  await sendDamaged(small, damages);
});
