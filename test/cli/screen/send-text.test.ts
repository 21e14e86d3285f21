import { describe, expect, it } from 'vitest';
import { BUSY, SHUTTING_DOWN } from '../../../src/mailbox/turn-away.js';
import { createSendText } from '../../../src/cli/screen/send-text.js';
import { createArrived } from '../../../src/cli/screen/arrived.js';
import type { Summary, TransferEvent } from '../../../src/core/events.js';
import { comparing, failed, offered, progress, refused, resumed, retrying, stored, summary } from '../events.js';

function summarize(events: TransferEvent[], sums: Partial<Summary>): string {
  const text = createSendText({ host: 'host', port: 6000 }, createArrived());
  events.forEach(text.describe);
  return text.summarize(summary(sums));
}

const MIB = 1024 ** 2;
const sent = (path: string, size: number): TransferEvent => ({ type: 'sent', session: 1, path, size, seconds: 0.3 });

it.each<[string, TransferEvent[], Partial<Summary>, string]>([
  [
    'one file',
    [stored('a', 12 * MIB)],
    { stored: 1, bytes: 12 * MIB },
    '1 file, 12 MiB stored on host in 1.2 s (10 MiB/s)',
  ],
  [
    'one file and what held it back',
    [stored('a', 12 * MIB)],
    { stored: 1, bytes: 12 * MIB, shares: { limitedBy: 'receiver disk', sender: null, receiver: null } },
    '1 file, 12 MiB stored on host in 1.2 s (10 MiB/s); limited by: receiver disk',
  ],
  [
    'what was over at once without a limit',
    [stored('a', 12 * MIB)],
    { stored: 1, bytes: 12 * MIB, seconds: 0.5, shares: { limitedBy: 'receiver disk', sender: null, receiver: null } },
    '1 file, 12 MiB stored on host in 0.5 s (24 MiB/s)',
  ],
  [
    'one file that got another name',
    [stored('a', 12 * MIB, { as: 'a (1)' })],
    { stored: 1, bytes: 12 * MIB },
    '1 file, 12 MiB stored on host as a (1) in 1.2 s (10 MiB/s)',
  ],
  [
    'a tree',
    [offered('d', 0, 'directory'), stored('a', MIB), stored('b', MIB, { as: 'b (1)' }), stored('d')],
    { stored: 3, bytes: 2 * MIB },
    '2 files, 1 folder, 2 MiB stored on host (1 under a new name) in 1.2 s (1.7 MiB/s)',
  ],
  [
    'what was there',
    [stored('a', MIB, { already: true }), stored('b', MIB)],
    { stored: 2, bytes: 2 * MIB },
    '2 files, 2 MiB stored on host in 1.2 s (853 KiB/s), 1 already there',
  ],
  [
    'folders and links that were there, which are not counted as already there',
    [
      ...[offered('d', 0, 'directory'), stored('d', 0, { already: true })],
      ...[offered('l', 0, 'symlink'), stored('l', 0, { already: true })],
      stored('a', MIB, { already: true }),
    ],
    { stored: 3, bytes: MIB },
    '1 file, 1 folder, 1 link, 1 MiB stored on host in 1.2 s, 1 already there',
  ],
  [
    'a file that has gone on: the rate counts only what moved',
    [offered('a', 12 * MIB), resumed('a', 6 * MIB, 12 * MIB), progress('a', 9 * MIB), stored('a', 12 * MIB)],
    { stored: 1, bytes: 12 * MIB },
    '1 file, 12 MiB stored on host in 1.2 s (5 MiB/s)',
  ],
  [
    'a file that went on after a retry of the same send: all of it moved',
    [
      ...[offered('a', 12 * MIB), progress('a', 9 * MIB), retrying()],
      ...[offered('a', 12 * MIB), resumed('a', 6 * MIB, 12 * MIB), progress('a', 12 * MIB), stored('a', 12 * MIB)],
    ],
    { stored: 1, bytes: 12 * MIB },
    '1 file, 12 MiB stored on host in 1.2 s (10 MiB/s)',
  ],
  [
    'a file that came and was there all the same',
    [offered('a', 12 * MIB), progress('a', 12 * MIB), stored('a', 12 * MIB, { already: true })],
    { stored: 1, bytes: 12 * MIB },
    '1 file, 12 MiB stored on host in 1.2 s (10 MiB/s), 1 already there',
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
    [sent('a', 12 * MIB)],
    { sent: 1, bytes: 12 * MIB },
    '1 file, 12 MiB sent to host, which does not confirm, in 1.2 s (10 MiB/s)',
  ],
])('summarizes %s', (_what, events, sums, line) => {
  expect(summarize(events, sums)).toBe(line);
});

it('names each entry that is not stored, escaped, and no other', () => {
  const { describe: say } = createSendText({ host: 'host', port: 6000 }, createArrived());
  const evil = 'a\x1b[2J';
  expect(
    [
      offered('a', 1),
      stored('a', 1),
      refused(evil, 'exists', evil),
      failed(evil, 'changed', `${evil}: ${evil}`),
      failed(null, 'lost', ''),
    ].map(say),
  ).toEqual([undefined, undefined, 'ftx: a\\x1b[2J was refused: a\\x1b[2J', 'ftx: a\\x1b[2J: a\\x1b[2J', undefined]);
});

describe('before another attempt, the advice to try again is left out', () => {
  it.each([
    ['The connection to h:1 was lost (EPIPE). Send again.', 'The connection to h:1 was lost (EPIPE).'],
    ['h:1 did not send or take anything within 5 s. Try again.', 'h:1 did not send or take anything within 5 s.'],
    ['h:1 sent 3 B/s for 30 s. Try again over a faster connection.', 'h:1 sent 3 B/s for 30 s.'],
    [BUSY.message, 'The receiver serves as many connections as it may already.'],
    [SHUTTING_DOWN.message, 'The receiver is being stopped.'],
    ['No connection to h:1: no answer. Check the address and the network.', 'No connection to h:1: no answer.'],
    ['The host h is not known. Check the name, or use its IP address.', 'The host h is not known.'],
    [
      'f: another session is receiving this very file. Send it again later.',
      'f: another session is receiving this very file.',
    ],
    ['Nothing listens on h:1. Start "ftx receive" there, and check the port.', undefined],
    ['Send again.', undefined],
  ])('%s', (message, said = message) => {
    const { describe: say } = createSendText({ host: 'host', port: 6000 }, createArrived());
    expect(say({ ...retrying(), message } as TransferEvent)).toBe(`ftx: ${said} Trying again in 1 s (1 of 5).`);
  });
});

it('names a port that is not the usual one', () => {
  const { summarize: sum } = createSendText({ host: '::1', port: 7000 }, createArrived());
  expect(sum(summary())).toBe('nothing stored on [::1]:7000');
});

it('says once that a file which goes on is read again', () => {
  const { describe: say } = createSendText({ host: 'host', port: 6000 }, createArrived());
  expect([comparing('f', 0, 600), comparing('f', 300, 600), comparing('f', 600, 600)].map(say)).toEqual([
    'reading f again: 600 B of it are compared with what the receiver has, because their digests are not known here any more',
    undefined,
    undefined,
  ]);
});
