import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  abortReason,
  ERROR_CODES,
  FtxError,
  isRefusal,
  isResumable,
  isRetried,
  toFtxError,
  WIRE_CODES,
  type ErrorCode,
} from '../../src/core/errors.js';

describe('what an error code means', () => {
  const those = (is: (code: ErrorCode) => boolean) => ERROR_CODES.filter(is).sort();

  it('the receiver keeps what has arrived when the connection ends or the room, and drops it when its own side fails otherwise', () => {
    expect(those((code) => isResumable(code, 'receiver'))).toEqual([
      'aborted',
      'busy',
      'lost',
      'no-space',
      'protocol',
      'shutting-down',
      'timeout',
    ]);
  });

  it('the receiver drops what a sender calls changed or wrong, and keeps all else that a sender gives up', () => {
    expect(those((code) => !isResumable(code, 'sender'))).toEqual(['changed', 'checksum']);
  });

  it('a sender tries again what passes by itself, and to find and reach a host only where it was connected before', () => {
    const passing = ['busy', 'lost', 'shutting-down', 'timeout'];
    expect(those((code) => isRetried(code, false))).toEqual(passing);
    expect(those((code) => isRetried(code, true))).toEqual([...passing, 'no-connection', 'unknown-host'].sort());
  });
});

describe('section 10 of PROTOCOL.md', () => {
  const page = new URL('../../docs/PROTOCOL.md', import.meta.url);
  const section = readFileSync(page, 'utf8')
    .split(/^## /m)
    .find((text) => text.startsWith('10. '))!;
  const rows = [...section.matchAll(/^\| ([a-z-]+) \| ([a-z, ]+) \|/gm)]
    .map(([, code, frames]) => ({ code: code!, frames: frames!.split(', ') }))
    .filter(({ code }) => code !== 'code');

  it('has every error code that a peer may report, and no other', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual([...WIRE_CODES].sort());
  });

  it('has every refusal in a refused frame, and nothing else', () => {
    const inRefused = rows.filter(({ frames }) => frames.includes('refused')).map(({ code }) => code);
    // What a refused frame with a code that its reader does not know counts as.
    expect([...inRefused, 'refused'].sort()).toEqual(ERROR_CODES.filter(isRefusal).sort());
  });
});

describe('why a signal was aborted', () => {
  it.each<[string, AbortSignal, string]>([
    ['no reason', AbortSignal.abort(), 'The transfer was stopped by the program that had begun it.'],
    ['an Error', AbortSignal.abort(new Error('enough')), 'enough'],
    ['an FtxError', AbortSignal.abort(new FtxError('aborted', 'Stopped by SIGINT.')), 'Stopped by SIGINT.'],
    ['a string', AbortSignal.abort('enough'), 'enough'],
  ])('is told of one aborted with %s', (_, signal, message) => {
    expect(abortReason(signal)).toMatchObject({ name: 'FtxError', code: 'aborted', message });
  });

  it('is the time if a timer has aborted it', async () => {
    const signal = AbortSignal.timeout(0);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    expect(abortReason(signal)).toMatchObject({
      code: 'aborted',
      message: expect.stringMatching(/took too long/) as string,
    });
  });
});

it.each([
  [
    'the system',
    'EWEIRD',
    "EWEIRD: something, write '/secret/folder'",
    'Something failed that was not foreseen (EWEIRD).',
  ],
  [
    'Node',
    'ERR_STREAM_DESTROYED',
    'Cannot call write after a stream was destroyed',
    'Something failed that was not foreseen (no reason that has a name).',
  ],
])('an error of %s is told without its text', (_, code, text, message) => {
  const cause = Object.assign(new Error(text), { code });
  expect(toFtxError(cause)).toMatchObject({ code: 'io', message, cause });
});

it('an error of the program that uses ftx is told in its words', () => {
  expect(toFtxError(new Error('pipe burst'))).toMatchObject({ code: 'io', message: 'pipe burst' });
});
