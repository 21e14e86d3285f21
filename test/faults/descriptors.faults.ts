/** A receiver that may open few files, and far more senders than that. */

import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { ErrorCode } from '../../src/core/errors.js';
import type { TransferEvent } from '../../src/core/events.js';
import { send as sendByLibrary } from '../../src/client/send.js';
import { expectTaken, expectWhole } from '../support/aftermath.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { repository, startProgram } from '../support/processes.js';
import { skipTest } from '../support/skips.js';

const DESCRIPTORS = 64;
const SENDERS = 200;
/** More than the usual 5, of which 3 do on an idle machine: all senders and the receiver share this one. */
const RETRIES = 10;
// The senders are waited for, and the pauses between six attempts alone take a minute.
vi.setConfig({ testTimeout: 300_000 });
const names = Array.from({ length: SENDERS }, (_, number) => `${number}.bin`);

it(`${SENDERS} senders at once at a receiver that may open ${DESCRIPTORS} files: all are stored in the end`, async (context) => {
  if (process.platform !== 'linux') skipTest(context, 'the number of open files is not known here');
  const dir = join(await tempDir(), 'received');
  const command = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`;
  const args = [`${repository}dist/cli/main.js`, 'receive', '--dir', dir, '--port', '0', '--json'];
  const receiver = startProgram('bash', ['-c', command, process.execPath, ...args]);
  const { port } = await receiver.event('listening');
  const to = { dir, address: `127.0.0.1:${port}` };
  const folder = await tempDir();
  for (const [number, name] of names.entries()) await writeContent(join(folder, name), 50_000 + number, number);

  const retries = new Set<ErrorCode>();
  let attempts = 0;
  const onEvent = (event: TransferEvent) => {
    if (event.type !== 'retrying') return;
    retries.add(event.code);
    attempts = Math.max(attempts, event.attempt);
  };
  const results = await Promise.allSettled(
    names.map((name) =>
      sendByLibrary({ paths: [join(folder, name)], to: { host: '127.0.0.1', port }, retries: RETRIES, onEvent }),
    ),
  );
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [String(result.reason)] : (result.value.firstFailure?.message ?? []),
  );
  expect(failures).toEqual([]);
  expect([...retries]).toContain('busy');
  console.log(`tried again at most ${attempts} times because of: ${[...retries].join(', ')}`);
  expect((await readNames(dir)).sort()).toEqual([...names].sort());
  for (const name of names) await expectWhole(dir, join(folder, name));

  const next = join(await tempDir(), 'next.bin');
  await writeContent(next, 3_000_000);
  await expectTaken(to, next, names);
});
