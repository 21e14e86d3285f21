import { expect, it } from 'vitest';
import { createDryRunReport, describeFate } from '../../../src/cli/commands/dry-run.js';
import { createLosses } from '../../../src/cli/screen/losses.js';
import { FtxError } from '../../../src/core/errors.js';
import type { TransferEvent } from '../../../src/core/events.js';
import { failed, refused, summary } from '../events.js';
import { fakeIo } from '../fake-io.js';

type Planned = Extract<TransferEvent, { type: 'planned' }>;
type Checked = Extract<TransferEvent, { type: 'checked' }>;

const planned = (path: string, more: Partial<Planned> = {}): Planned => ({
  type: 'planned',
  session: 1,
  path,
  as: path,
  kind: 'file',
  size: 1000,
  fate: 'new',
  offset: 0,
  ...more,
});
const checked = (more: Partial<Checked> = {}): Checked => ({
  type: 'checked',
  session: 1,
  entries: 1,
  bytes: 1000,
  needed: 1000,
  free: 5e9,
  dryRun: true,
  ...more,
});

it.each<[TransferEvent, string]>([
  [planned('a'), 'new                1000 B  a'],
  [planned('a', { fate: 'already' }), 'already there      1000 B  a'],
  [planned('a', { fate: 'replace' }), 'replace            1000 B  a'],
  [planned('d/a', { fate: 'rename', as: 'd/a (1)' }), 'rename             1000 B  d/a as d/a (1)'],
  [planned('a', { offset: 999 }), 'resume at 99%      1000 B  a'],
  [planned('a', { offset: 500, fate: 'rename', as: 'a (1)' }), 'resume at 50%      1000 B  a as a (1)'],
  [planned('d', { kind: 'directory', size: 0 }), 'new                folder  d'],
  [planned('l', { kind: 'symlink', size: 0 }), 'new                  link  l'],
  [planned('s', { size: null }), 'new               unknown  s'],
  [refused('a', 'exists', 'a: is there.'), 'refused                    a: is there.'],
  [failed('a', 'unreadable', 'a: cannot be read.'), 'not sent                   a: cannot be read.'],
  [planned('\u001b[2J', { fate: 'rename', as: '\u202e' }), 'rename             1000 B  \\x1b[2J as \\u{202e}'],
])('%j is one line', (event, line) => {
  expect(describeFate(event, createLosses())).toBe(line);
});

function report(events: readonly TransferEvent[], args = {}) {
  const io = fakeIo();
  const said: string[] = [];
  const view = { onEvent: () => undefined, print: (line: string) => void said.push(line), close: () => undefined };
  const shown = createDryRunReport(args, io, { host: 'host', port: 6000 }, view);
  events.forEach(shown.onEvent);
  return { shown, io, said };
}

it.each<[TransferEvent[], object, string]>([
  [
    [planned('a'), checked()],
    {},
    'dry run: 1 file (1000 B) would go to host. Nothing was sent; there is room for 4.7 GiB.',
  ],
  [
    [planned('a'), planned('b', { fate: 'already' }), checked({ free: null })],
    { refused: 2 },
    'dry run: 1 file (1000 B) would go to host, 1 already there; 2 refused. Nothing was sent; its disk does not tell how much room there is.',
  ],
  [
    [
      ...[planned('d', { kind: 'directory', fate: 'already' }), planned('l', { kind: 'symlink', fate: 'already' })],
      ...[planned('b', { fate: 'already' }), checked({ needed: 0 })],
    ],
    {},
    'dry run: nothing would go to host, 1 already there. Nothing was sent; there is room for 4.7 GiB.',
  ],
  [
    [failed('a', 'io', 'a: the disk is gone.'), checked({ needed: 0, free: null })],
    { failed: 1 },
    'dry run: nothing would go to host; 1 failed. Nothing was sent.',
  ],
  [
    [failed('a', 'unreadable', 'a: cannot be read.'), checked({ needed: 0, free: null })],
    { failed: 1 },
    'dry run: nothing would go to host; 1 failed. Nothing was sent; its disk does not tell how much room there is.',
  ],
  [
    [planned('s', { size: null }), checked({ needed: 0 })],
    {},
    'dry run: 1 file (of unknown size) would go to host. Nothing was sent; there is room for 4.7 GiB.',
  ],
  [
    [checked({ needed: 0 })],
    { failed: 1 },
    'dry run: nothing would go to host; 1 failed. Nothing was sent; there is room for 4.7 GiB.',
  ],
])('the whole is the last line (%#)', (events, losses, line) => {
  const { shown, io } = report(events);
  shown.finish(summary(losses));
  expect(io.stdout.lines().at(-1)).toBe(line);
});

it('the failure of a whole session goes to standard error', () => {
  const { shown, io, said } = report([planned('a')]);
  shown.fail(new FtxError('no-space', 'What is sent needs 1 GiB.'), false);
  expect([io.stdout.lines().length, said]).toEqual([1, ['ftx: What is sent needs 1 GiB.']]);
});

it('with --json events go to standard output, and only those', () => {
  const { shown, io, said } = report([planned('a'), refused('b', 'exists', 'b: is there.'), checked()], { json: true });
  shown.finish(summary({ refused: 1 }));
  expect(io.stdout.lines().map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
    'planned',
    'refused',
    'checked',
    'done',
  ]);
  expect(said).toEqual(['ftx: b was refused: is there.']);
});
