import { toFtxError } from '../errors.js';
import { escapeText } from './escape.js';

/** Any failure as the one line a user sees; what it says may come from a peer. */
export function describeFailure(error: unknown): string {
  const { message } = toFtxError(error);
  return `ftx: ${escapeText(message === '' ? 'Something failed without saying why.' : message)}`;
}
