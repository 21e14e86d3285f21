/**
 * `crowd PORT SENDERS BYTES`: so many connections at once from this one process, each sending a file of that size
 * in a session of its own. Writes `ready`, begins at the first line it reads, and writes what came of it as JSON.
 */
import { createSha256 } from '../../../src/client/sha256.js';
import { once } from 'node:events';
import { dial } from '../../../src/net/dial.js';
import { DEFAULT_TIMEOUTS } from '../../../src/protocol/constants.js';
import { greetReceiver } from '../../../src/session/send/greet.js';
import { sendSession } from '../../../src/session/send/sender.js';
import { createTally } from '../../../src/session/tally.js';
import type { CrowdReport } from '../crowd.js';
import { HOST } from '../ports.js';
import { readPeakBytes } from '../usage.js';
import { memorySource, only } from './memory-source.js';

const DIAL_MS = 60_000;

const [port = 0, senders = 0, bytes = 0] = process.argv.slice(2).map(Number);
const failures: string[] = [];
const finishes: number[] = [];

async function sendOne(number: number, startMs: number): Promise<void> {
  const tally = createTally(number, ({ type }) => {
    if (type === 'stored') finishes.push((performance.now() - startMs) / 1000);
  });
  const { signal } = new AbortController();
  try {
    const connection = await dial({ host: HOST, port, timeoutMs: DIAL_MS, signal });
    const timeouts = DEFAULT_TIMEOUTS;
    const greeted = await greetReceiver(connection, { timeouts, signal });
    await sendSession(greeted, () => only(memorySource(`${number}.bin`, bytes)), {
      tally,
      timeouts,
      createSha256,
      signal,
    });
    const { firstFailure } = tally.result();
    if (firstFailure) failures.push(firstFailure.message);
  } catch (error) {
    failures.push(String(error));
  }
}

console.log('ready');
await once(process.stdin, 'data');
const before = process.cpuUsage();
const startMs = performance.now();
await Promise.all(Array.from({ length: senders }, (_, number) => sendOne(number, startMs)));
const seconds = (performance.now() - startMs) / 1000;
const { user, system } = process.cpuUsage(before);
const sender = { cpuSeconds: (user + system) / 1e6, peakBytes: readPeakBytes(process.pid) };
const report: CrowdReport = { seconds, sender, finishes: finishes.sort((a, b) => a - b), failures };
console.log(JSON.stringify(report));
process.stdin.destroy();
