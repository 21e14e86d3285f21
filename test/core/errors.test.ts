import { expect, it } from 'vitest';
import { abortReason, FtxError, toFtxError } from '../../src/core/errors.js';

it.each<[string, AbortSignal, string]>([
  ['no reason', AbortSignal.abort(), 'The transfer was stopped by the program that had begun it.'],
  ['an Error', AbortSignal.abort(new Error('enough')), 'enough'],
  ['an FtxError', AbortSignal.abort(new FtxError('aborted', 'Stopped by SIGINT.')), 'Stopped by SIGINT.'],
  ['a string', AbortSignal.abort('enough'), 'enough'],
])('a signal that is aborted with %s says why', (_, signal, message) => {
  expect(abortReason(signal)).toMatchObject({ name: 'FtxError', code: 'aborted', message });
});

it('a signal that is aborted by a timer says so', async () => {
  const signal = AbortSignal.timeout(0);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  expect(abortReason(signal)).toMatchObject({
    code: 'aborted',
    message: expect.stringMatching(/took too long/) as string,
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
