import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import { hashFile, readNames, tempDir, writeContent } from '../support/folders.js';

import { startProxy } from '../support/proxy.js';
import { startFtx, type Program } from '../support/processes.js';

/** `FTX_RESUME_MIB=20480` makes it the transfer of a whole disk. */
const SIZE = Number(process.env['FTX_RESUME_MIB'] ?? 160) * 1024 * 1024 + 5;
const KILLS = 5;
/** What a crash of the receiver may cost: the blocks since the last checkpoint, and those on their way. */
const LOST_PER_KILL = 48 * BLOCK_BYTES;

interface Scene {
  readonly dir: string;
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

async function startReceiver({ dir, env }: Scene, port: number): Promise<{ program: Program; port: number }> {
  const args = ['receive', '--dir', dir, '--port', String(port), '--max-size', '1T', '--json'];
  const program = startFtx(args, { env });
  return { program, port: (await program.event('listening')).port };
}

/** A sender, and how many seconds after its start it goes on where the one before has stopped. */
function startSender({ file, env }: Scene, address: string, resumedAfter: number[]): Program {
  const begun = performance.now();
  const sender = startFtx(['send', file, '--retry', '0', '--json', '--to', address], { env });
  sender.event('resumed').then(
    () => resumedAfter.push((performance.now() - begun) / 1000),
    () => undefined,
  );
  return sender;
}

/** Sends until `until` bytes are over, when `kill` strikes, and waits for the end of it. */
async function sendUntil(sender: Program, until: number, kill: () => void): Promise<void> {
  await sender.event('progress', ({ bytes }) => bytes >= until);
  kill();
  await sender.exit;
}

describe('a transfer that is killed again and again, on either side', () => {
  it('ends byte-identical, and sends next to nothing twice', async () => {
    const scene = {
      dir: join(await tempDir(), 'received'),
      file: join(await tempDir(), 'film.bin'),
      env: { FTX_HOME: await tempDir() },
    };
    await writeContent(scene.file, SIZE);
    let receiver = await startReceiver(scene, 0);
    const proxy = await startProxy(receiver.port);
    const resumedAfter: number[] = [];
    for (let kill = 1; kill <= KILLS; kill++) {
      const killsReceiver = kill % 2 === 0;
      const victim = receiver.program;
      const until = (SIZE * kill) / (KILLS + 1);
      const sender = startSender(scene, proxy.address, resumedAfter);
      await sendUntil(sender, until, () => (killsReceiver ? victim : sender).kill('SIGKILL'));
      if (killsReceiver) {
        await victim.exit;
        receiver = await startReceiver(scene, receiver.port);
      }
    }
    const { status, stderr } = await startSender(scene, proxy.address, resumedAfter).exit;
    expect(status, stderr).toBe(0);
    // Never more than a second on an idle machine, whatever the size of the file: printed, because others use this one too.
    console.log(
      `resumed after ${resumedAfter.map((seconds) => seconds.toFixed(2)).join(', ')} s, at most ${Math.max(...resumedAfter).toFixed(2)} s`,
    );
    expect(resumedAfter).toHaveLength(KILLS);
    expect(proxy.passed.toReceiver).toBeLessThanOrEqual(SIZE + KILLS * LOST_PER_KILL);
    expect(await hashFile(join(scene.dir, 'film.bin'))).toBe(await hashFile(scene.file));
    expect(await readNames(scene.dir)).toEqual(['film.bin']);
    expect(await readdir(join(scene.env.FTX_HOME, 'state', 'digests'))).toEqual([]);
  });
});
