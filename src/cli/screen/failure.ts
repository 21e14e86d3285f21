/** Failures as text for people. */
import { toFtxError } from '../../core/errors.js';
import { escapeText } from './escape.js';

/** Any failure as the one line that a user sees. Its message may come from a peer, so it is escaped. */
export function describeFailure(error: unknown): string {
  const { message } = toFtxError(error);
  return `ftx: ${escapeText(message === '' ? 'Something failed without saying why.' : message)}`;
}
