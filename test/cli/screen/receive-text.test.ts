import { describe, expect, it } from 'vitest';
import { createReceiveText, describeCode, describeMailbox } from '../../../src/cli/screen/receive-text.js';
import { createArrived } from '../../../src/cli/screen/arrived.js';
import type { TransferEvent } from '../../../src/core/events.js';
import { connected, done, failed, offered, progress, refused, resumed, stored } from '../events.js';

function say(...events: TransferEvent[]): (string | undefined)[] {
  const describeEvent = createReceiveText('rename', createArrived());
  return events.map((event) => describeEvent(event)?.line);
}
const last = (...events: TransferEvent[]): string | undefined => say(connected(), ...events).at(-1);

const MIB = 1024 ** 2;
const IDENTITY = `sha256:${'0123456789abcdef'.repeat(4)}` as const;

describe('the first lines of a receiver', () => {
  const listening = {
    type: 'listening',
    dir: '/home/me/received',
    port: 6000,
    addresses: ['192.0.2.4', '2001:db8::4'],
    identity: IDENTITY,
    access: 'open',
    senders: null,
  } as const;

  it('say where files go, who may send, and what to type on the other machine', () => {
    expect(describeMailbox(listening, 'rename')).toBe(
      [
        'receiving into /home/me/received on port 6000',
        'open: anyone who can reach this port can drop files in, none can read, list or overwrite',
        'encrypted: the identity of this receiver is aeru-kz4j-vpg6-6ajd',
        'on the other machine:',
        '  ftx send FILE --to 192.0.2.4',
        '  ftx send FILE --to "[2001:db8::4]"',
      ].join('\n'),
    );
  });

  it('name a port that is not the default', () => {
    expect(describeMailbox({ ...listening, port: 7000 }, 'rename')).toContain('--to 192.0.2.4:7000\n');
    expect(describeMailbox({ ...listening, port: 7000 }, 'rename')).toContain('--to "[2001:db8::4]:7000"');
  });

  it.each([
    [
      'known',
      2,
      'known only: the 2 senders that "ftx peers" shows can drop files in, none can read, list or overwrite',
    ],
    ['known', 0, 'known only: nobody gets in, because no sender is known yet; --pair lets one in'],
    ['pair', 0, 'pairing: one new sender that gives the code can drop files in, none can read, list or overwrite'],
    [
      'pair',
      1,
      'pairing: the 1 sender that "ftx peers" shows and one new one that gives the code can drop files in, none can read, list or overwrite',
    ],
  ] as const)('says in one line that it is %s, with %d senders', (access, senders, line) => {
    expect(describeMailbox({ ...listening, access, senders }, 'rename').split('\n')[1]).toBe(line);
  });

  it('show --pair in what to type while there is a code', () => {
    expect(describeMailbox({ ...listening, access: 'pair', senders: 0 }, 'rename')).toContain(
      'ftx send FILE --to 192.0.2.4 --pair\n',
    );
    expect(describeCode('4821-9377')).toBe(
      'code: 4821-9377 (for one new sender, once, within 10 minutes and three tries)',
    );
  });

  it('do not promise with --on-conflict overwrite that nothing is replaced', () => {
    expect(describeMailbox(listening, 'overwrite')).toContain(
      'can drop files in and replace those that are there, none can read or list',
    );
    expect(describeMailbox(listening, 'overwrite')).not.toContain('list or overwrite');
  });
});

it.each<[string, TransferEvent[], string | undefined]>([
  ['a file', [stored('photo.jpg', 1.2 * MIB)], 'stored photo.jpg (1.2 MiB in 0.3 s, 4 MiB/s) from 192.0.2.7'],
  [
    'a renamed one',
    [stored('photo.jpg', 1.2 * MIB, { as: 'photo (1).jpg' })],
    'stored photo.jpg as photo (1).jpg (1.2 MiB in 0.3 s, 4 MiB/s) from 192.0.2.7',
  ],
  [
    'one that has gone on',
    [resumed('photo.jpg', 6 * MIB, 12 * MIB), progress('photo.jpg', 9 * MIB), stored('photo.jpg', 12 * MIB)],
    'stored photo.jpg (12 MiB in 0.3 s, 20 MiB/s) from 192.0.2.7',
  ],
  [
    'one that was there',
    [stored('photo.jpg', 1.2 * MIB, { already: true })],
    'stored photo.jpg (1.2 MiB, already there) from 192.0.2.7',
  ],
  [
    'one that a power cut may take',
    [stored('photo.jpg', 1.2 * MIB, { durable: false })],
    'stored photo.jpg (1.2 MiB in 0.3 s, 4 MiB/s, not synchronised) from 192.0.2.7',
  ],
  ['an empty one', [stored('empty')], 'stored empty (0 B) from 192.0.2.7'],
  ['a folder', [offered('album', 0, 'directory'), stored('album')], undefined],
  ['a link', [offered('latest', 0, 'symlink'), stored('latest')], 'stored link latest from 192.0.2.7'],
  [
    'a link that a power cut may take',
    [offered('latest', 0, 'symlink'), stored('latest', 0, { durable: false })],
    'stored link latest (not synchronised) from 192.0.2.7',
  ],
  ['a refusal', [refused('../x', 'bad-name', '../x: No "..".')], 'ftx: refused ../x from 192.0.2.7: No "..".'],
  ['a failure', [failed('a', 'checksum', 'Wrong.')], 'ftx: a from 192.0.2.7 failed: Wrong.'],
  ['a lost session', [failed(null, 'lost', 'Gone.')], 'ftx: a session from 192.0.2.7 failed: Gone.'],
  ['a failure before a session', [failed(null, 'protocol', 'HTTP.', 9)], 'ftx: a session failed: HTTP.'],
  ['progress', [progress('a', 1)], undefined],
  ['an end', [done()], undefined],
  [
    'a pairing',
    [{ type: 'paired', session: 1, peer: '192.0.2.7:51234', identity: IDENTITY }],
    `paired with 192.0.2.7: aeru-kz4j-vpg6-6ajd (${IDENTITY}) gets in from now on; the code is used up`,
  ],
  [
    'a burned code',
    [{ type: 'code', state: 'burned' }],
    'ftx: the code is burned: three tries have failed. Known senders still get in. For a new code, stop this receiver and start it again with --pair.',
  ],
  [
    'a code that is too old',
    [{ type: 'code', state: 'expired' }],
    'ftx: the code is gone: nobody has used it in time. Known senders still get in. For a new code, stop this receiver and start it again with --pair.',
  ],
])('%s', (_what, events, line) => {
  expect(last(...events)).toBe(line);
});

it('escapes names and messages of peers', () => {
  const evil = 'a\x1b[2J\u202e';
  const shown = 'a\\x1b[2J\\u{202e}';
  expect(
    say(
      connected(1, evil),
      stored(evil, 0, { as: `${evil}1` }),
      refused(evil, 'refused', evil),
      failed(evil, 'io', evil),
    ).slice(1),
  ).toEqual([
    `stored ${shown} as ${shown}1 (0 B) from ${shown}`,
    `ftx: refused ${shown} from ${shown}: ${shown}`,
    `ftx: ${shown} from ${shown} failed: ${shown}`,
  ]);
});
