import { expect, it } from 'vitest';
import { abortReason, FtxError } from '../../src/core/errors.js';

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
