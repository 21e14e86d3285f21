import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeFor, exitCodeForSignal, exitCodeHelp } from '../../src/cli/exit-codes.js';
import { ERROR_CODES, type ErrorCode } from '../../src/core/errors.js';

const EXPECTED: Record<ErrorCode, number> = {
  usage: 64,
  'not-found': 66,
  unreadable: 66,
  unsupported: 66,
  'unknown-host': 68,
  'no-connection': 69,
  'port-in-use': 69,
  'cannot-listen': 69,
  'cannot-create': 73,
  io: 74,
  'no-space': 74,
  lost: 75,
  timeout: 75,
  busy: 75,
  'shutting-down': 75,
  changed: 75,
  protocol: 76,
  checksum: 76,
  identity: 77,
  unpaired: 77,
  'bad-name': 77,
  'bad-parent': 77,
  'bad-link': 77,
  exists: 77,
  'too-large': 77,
  'too-many': 77,
  denied: 77,
  refused: 77,
  home: 78,
  aborted: 130,
};

it.each(ERROR_CODES)('%s has an exit code', (code) => {
  expect(exitCodeFor(code)).toBe(EXPECTED[code]);
});

it('a signal has the exit code 128 plus its number', () => {
  expect((['SIGHUP', 'SIGINT', 'SIGTERM'] as const).map(exitCodeForSignal)).toEqual([129, 130, 143]);
});

describe('the table in --help', () => {
  it.each(Object.values(EXIT))('explains %d', (code) => {
    expect(exitCodeHelp()).toMatch(new RegExp(`^ +${code}  \\w`, 'm'));
  });
});
