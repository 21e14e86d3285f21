/** Failures as text for people. */
import { toFtxError } from '../../core/errors.js';
import { escapeText } from './escape.js';

/** Any failure as the one line that a user sees. Its message may come from a peer, so it is escaped. */
export function describeFailure(error: unknown): string {
  const { message } = toFtxError(error);
  return `ftx: ${escapeText(message === '' ? 'Something failed without saying why.' : message)}`;
}

/** Why an entry failed, for a line that begins with its path: a message that begins with the path too loses it. */
export function describeReason({ path, message }: { path: string; message: string }): string {
  const prefix = `${path}: `;
  return escapeText(message.startsWith(prefix) ? message.slice(prefix.length) : message);
}
