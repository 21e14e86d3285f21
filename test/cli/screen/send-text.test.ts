import { expect, it } from 'vitest';
import { createSendText } from '../../../src/cli/screen/send-text.js';
import { createArrived } from '../../../src/cli/screen/arrived.js';
import type { Summary, TransferEvent } from '../../../src/core/events.js';
import { comparing, failed, offered, refused, stored, summary } from '../events.js';

function summarize(events: TransferEvent[], sums: Partial<Summary>): string {
  const text = createSendText({ host: 'host', port: 6000 }, createArrived());
  events.forEach(text.describe);
  return text.summarize(summary(sums));
}

const MB = 1_000_000;
const sent = (path: string, size: number): TransferEvent => ({ type: 'sent', session: 1, path, size, seconds: 0.3 });

it.each<[string, TransferEvent[], Partial<Summary>, string]>([
  [
    'one file',
    [stored('a', 12 * MB)],
    { stored: 1, bytes: 12 * MB },
    '1 file, 12.0 MB stored on host in 1.2 s (10 MB/s)',
  ],
  [
    'one file and what held it back',
    [stored('a', 12 * MB)],
    { stored: 1, bytes: 12 * MB, shares: { limitedBy: 'receiver disk', sender: null, receiver: null } },
    '1 file, 12.0 MB stored on host in 1.2 s (10 MB/s); limited by: receiver disk',
  ],
  [
    'what was over at once without a limit',
    [stored('a', 12 * MB)],
    { stored: 1, bytes: 12 * MB, seconds: 0.5, shares: { limitedBy: 'receiver disk', sender: null, receiver: null } },
    '1 file, 12.0 MB stored on host in 0.5 s (24 MB/s)',
  ],
  [
    'one file that got another name',
    [stored('a', 12 * MB, { as: 'a (1)' })],
    { stored: 1, bytes: 12 * MB },
    '1 file, 12.0 MB stored on host as a (1) in 1.2 s (10 MB/s)',
  ],
  [
    'a tree',
    [offered('d', 0, 'directory'), stored('a', MB), stored('b', MB, { as: 'b (1)' }), stored('d')],
    { stored: 3, bytes: 2 * MB },
    '2 files, 1 folder, 2.0 MB stored on host (1 under a new name) in 1.2 s (1.7 MB/s)',
  ],
  [
    'what was there',
    [stored('a', MB, { already: true }), stored('b', MB)],
    { stored: 2, bytes: 2 * MB },
    '2 files, 2.0 MB stored on host in 1.2 s (1.7 MB/s), 1 already there',
  ],
  [
    'losses',
    [stored('a', 5), refused('b', 'exists', ''), failed('c', 'changed', '')],
    { stored: 1, refused: 1, failed: 1, bytes: 5 },
    '1 file, 5 B stored on host in 1.2 s (4.2 B/s); 1 refused, 1 failed',
  ],
  ['losses only', [refused('b', 'exists', '')], { refused: 1 }, 'nothing stored on host; 1 refused'],
  ['empty files', [stored('a')], { stored: 1 }, '1 file, 0 B stored on host in 1.2 s'],
  [
    'classic',
    [sent('a', 12 * MB)],
    { sent: 1, bytes: 12 * MB },
    '1 file, 12.0 MB sent to host, which does not confirm, in 1.2 s (10 MB/s)',
  ],
])('summarizes %s', (_what, events, sums, line) => {
  expect(summarize(events, sums)).toBe(line);
});

it('names each entry that is not stored, escaped, and no other', () => {
  const { describe } = createSendText({ host: 'host', port: 6000 }, createArrived());
  const evil = 'a\x1b[2J';
  expect(
    [
      offered('a', 1),
      stored('a', 1),
      refused(evil, 'exists', evil),
      failed(evil, 'changed', `${evil}: ${evil}`),
      failed(null, 'lost', ''),
    ].map(describe),
  ).toEqual([undefined, undefined, 'ftx: a\\x1b[2J was refused: a\\x1b[2J', 'ftx: a\\x1b[2J: a\\x1b[2J', undefined]);
});

it('names a port that is not the usual one', () => {
  const { summarize: sum } = createSendText({ host: '::1', port: 7000 }, createArrived());
  expect(sum(summary())).toBe('nothing stored on [::1]:7000');
});

it('says once that a file which goes on is read again', () => {
  const { describe } = createSendText({ host: 'host', port: 6000 }, createArrived());
  expect([comparing('f', 0, 600), comparing('f', 300, 600), comparing('f', 600, 600)].map(describe)).toEqual([
    'reading f again: 600 B of it are compared with what the receiver has, because their digests are not known here any more',
    undefined,
    undefined,
  ]);
});
