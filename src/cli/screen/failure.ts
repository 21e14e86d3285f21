import { toFtxError } from '../../core/errors.js';
import { escapeText } from './escape.js';

/** Any failure as the one line a user sees; what it says may come from a peer. */
export function describeFailure(error: unknown): string {
  const { message } = toFtxError(error);
  return `ftx: ${escapeText(message === '' ? 'Something failed without saying why.' : message)}`;
}

/** Why an entry failed, for a line that has named it: most messages begin with the path, which would stand there twice. */
export function describeReason({ path, message }: { path: string; message: string }): string {
  const prefix = `${path}: `;
  return escapeText(message.startsWith(prefix) ? message.slice(prefix.length) : message);
}
