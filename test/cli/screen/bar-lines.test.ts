import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeReceive, describeSend, drawBar } from '../../../src/cli/screen/bar-lines.js';
import type { SessionProgress } from '../../../src/cli/screen/progress-model.js';
import { displayWidth } from '../../../src/cli/screen/width.js';

const MIB = 1024 ** 2;
const session = (more: Partial<SessionProgress> = {}): SessionProgress => ({
  peer: '192.0.2.7:51234',
  current: { path: 'photo.jpg', size: 27 * MIB, bytes: 13.5 * MIB },
  ended: 0,
  bytes: 13.5 * MIB,
  total: null,
  bytesPerSecond: 4 * MIB,
  ...more,
});

describe('drawBar', () => {
  const bar = { label: 'photo.jpg', bytes: 13.5 * MIB, size: 27 * MIB, bytesPerSecond: 4 * MIB };

  it.each([
    [
      119,
      'photo.jpg                      [===============---------------]   50%    13.5 MiB of 27 MiB    4 MiB/s     0:04 left',
    ],
    [79, 'photo.jpg           [========--------]   50%   13.5 MiB    4 MiB/s     0:04'],
    [39, 'photo.jpg            50%   4 MiB/s  0:04'],
  ])('at %d columns', (columns, line) => {
    expect(drawBar(bar, columns).replace(/ +/g, ' ').replace(/[=-]+/, '#')).toBe(
      line.replace(/ +/g, ' ').replace(/[=-]+/, '#'),
    );
    expect(displayWidth(drawBar(bar, columns))).toBe(columns);
  });

  it('shows how much of a stream has arrived, not how much is missing', () => {
    expect(drawBar({ ...bar, size: null }, 79)).toMatch(/^photo.jpg +13.5 MiB +4 MiB\/s +$/);
  });

  it('is never over 100%, and never has more than all of it', () => {
    expect(drawBar({ ...bar, bytes: 30 * MIB }, 119)).toMatch(/\[=+\] +100% +(\S+ \S+) of \1 /);
  });

  it('shows no time left for a transfer that stands still', () => {
    expect(drawBar({ ...bar, bytesPerSecond: 0 }, 79)).toMatch(/0 B\/s +$/);
  });

  it('is never wider than the terminal, whatever the name and the numbers', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '日', '😀', 'ü', ' ') });
    const bytes = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    const rate = fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 250 }),
        name,
        bytes,
        fc.option(bytes),
        rate,
        (columns, label, moved, size, bytesPerSecond) => {
          expect(displayWidth(drawBar({ label, bytes: moved, size, bytesPerSecond }, columns))).toBeLessThanOrEqual(
            columns,
          );
        },
      ),
    );
  });
});

describe('describeSend', () => {
  it('says what limits the transfer, once that is known', () => {
    expect(describeSend([session({ limitedBy: 'network' })], 79).at(-1)).toBe('limited by: network');
    expect(describeSend([session({ limitedBy: 'receiver disk' })], 15).at(-1)).toHaveLength(15);
  });

  it('counts while the list is made', () => {
    const counting = { entries: 12_345, bytes: 3.1 * 1024 * MIB };
    const lines = describeSend([session({ current: undefined, counting })], 79);
    expect(lines).toEqual(['counting: 12,345 files and folders, 3.1 GiB']);
    expect(describeSend([session({ counting: { entries: 0, bytes: 0 } })], 79)).toEqual(['counting …']);
    expect(describeSend([session({ counting })], 20)[0]).toHaveLength(20);
  });

  it.each([
    ['receiver disk', "waiting for the receiver's disk"],
    ['receiver CPU', "waiting for the receiver's CPU"],
    ['network', 'waiting for the network'],
  ] as const)('says what is waited for when all is sent (%s), and shows no rate that falls', (waitingFor, line) => {
    const total = { entries: 2, bytes: 54 * MIB };
    const lines = describeSend([session({ waitingFor, total, secondsLeft: 9, limitedBy: 'network' })], 79);
    expect(lines.at(-1)).toBe(line);
    expect(lines).toHaveLength(3);
    expect(lines.join('')).not.toMatch(/\/s|limited|0:09/);
    expect(describeSend([session({ waitingFor })], 39).at(-1)).toBe(line);
  });

  it('shows the time left of the whole as it is told, and none before', () => {
    const total = { entries: 2, bytes: 54 * MIB };
    expect(describeSend([session({ total, secondsLeft: 83 })], 79)[1]).toMatch(/ 1:23$/);
    expect(describeSend([session({ total })], 79)[1]).toMatch(/MiB\/s +$/);
  });

  it('draws one bar for one file', () => {
    expect(describeSend([session({ total: { entries: 1, bytes: 27 * MIB } })], 79)).toHaveLength(1);
  });

  it('draws one more bar for the whole if there are several files', () => {
    const lines = describeSend([session({ total: { entries: 12, bytes: 54 * MIB }, ended: 3 })], 79);
    expect(lines).toEqual([expect.stringMatching(/^photo.jpg .* 50%/), expect.stringMatching(/^3 of 12 done .* 25%/)]);
  });

  it.each([
    [600, /^reading photo.jpg again +\[=+-+\] +50% /],
    [0, /^comparing photo.jpg +\[=+-+\] +50% /],
  ])('draws a bar of its own for what is only read, with %d bytes sent before', (bytes, line) => {
    const current = { path: 'photo.jpg', size: 1000, bytes, compared: { bytes: 300, of: 600 } };
    expect(describeSend([session({ current })], 99)[0]).toMatch(line);
  });

  it('shows a name escaped', () => {
    const [line] = describeSend([session({ current: { path: 'a\x1b[2J', size: 1, bytes: 0 } })], 79);
    expect(line).toMatch(/^a\\x1b\[2J /);
  });

  it('draws nothing before there is a connection', () => {
    expect(describeSend([], 79)).toEqual([]);
  });
});

describe('describeReceive', () => {
  const many = (count: number): SessionProgress[] => Array.from({ length: count }, () => session());

  it('draws a line for each sender', () => {
    expect(describeReceive(many(3), 79, 12)).toHaveLength(3);
    expect(describeReceive(many(12), 79, 12)).toHaveLength(12);
  });

  it('tells how many senders have no line', () => {
    const lines = describeReceive(many(41), 79, 12);
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe('… and 30 more');
    expect(describeReceive(many(2), 79, 1)).toEqual(['… and 2 more']);
  });

  it('shows the address of the sender where there is room for it', () => {
    expect(describeReceive(many(1), 79, 12)[0]).toMatch(/^192\.0\.2\.7 {2}photo/);
    expect(describeReceive(many(1), 39, 12)[0]).toMatch(/^photo.jpg /);
  });

  it('says that the disk is waited for when all has arrived and nothing moves', () => {
    const current = { path: 'photo.jpg', size: 27 * MIB, bytes: 27 * MIB };
    const draw = (more: Partial<SessionProgress>, columns = 79) =>
      describeReceive([session({ current, bytesPerSecond: 0, ...more })], columns, 12)[0];
    expect(draw({})).toMatch(/^192\.0\.2\.7 {2}photo\.jpg +100% {2}waiting for the disk$/);
    expect(draw({}, 39)).toMatch(/^photo\.jpg +100% {2}waiting for the disk$/);
    expect(draw({}, 12)).toHaveLength(12);
    for (const more of [{ bytesPerSecond: 5 }, { bytesPerSecond: undefined }, { current: { ...current, bytes: 1 } }])
      expect(draw(more)).not.toMatch(/waiting/);
  });

  it('draws no bar for a sender between two files', () => {
    expect(describeReceive([session({ current: undefined, ended: 7 })], 79, 12)).toEqual(['192.0.2.7  7 done']);
  });
});
