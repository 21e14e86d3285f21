/** Events as sessions emit them, with what a test does not care about filled in. */
import type { ErrorCode } from '../../src/core/errors.js';
import type { EntryKind } from '../../src/core/entry.js';
import type { Limit, Summary, Totals, TransferEvent } from '../../src/core/events.js';

export const connected = (session = 1, peer = '192.0.2.7:51234'): TransferEvent => ({
  type: 'connected',
  session,
  peer,
  protocol: 'ftx/1',
});

export const offered = (
  path: string,
  size: number | null = 0,
  kind: EntryKind = 'file',
  session = 1,
): TransferEvent => ({
  type: 'offered',
  session,
  path,
  size,
  kind,
});

export const progress = (
  path: string,
  bytes: number,
  { size = 1000, total = null, session = 1 }: { size?: number | null; total?: Totals | null; session?: number } = {},
): TransferEvent => ({ type: 'progress', session, path, bytes, size, total });

export const resumed = (path: string, bytes: number, size: number): TransferEvent => ({
  type: 'resumed',
  session: 1,
  path,
  bytes,
  size,
});

export const comparing = (path: string, bytes: number, of: number, size = 1000): TransferEvent => ({
  type: 'comparing',
  session: 1,
  path,
  bytes,
  of,
  size,
});

export const waiting = (path: string, what: Limit = 'receiver disk'): TransferEvent => ({
  type: 'waiting',
  session: 1,
  path,
  for: what,
});

export const counting = (entries: number, bytes: number): TransferEvent => ({
  type: 'counting',
  session: 1,
  entries,
  bytes,
});

export const checked = (entries: number, bytes: number): TransferEvent => ({
  type: 'checked',
  session: 1,
  entries,
  bytes,
  needed: bytes,
  free: null,
  dryRun: false,
});

export const retrying = (): TransferEvent => ({
  type: 'retrying',
  session: 1,
  code: 'lost',
  message: 'The connection was lost.',
  attempt: 1,
  retries: 5,
  delaySeconds: 1,
});

type Stored = Extract<TransferEvent, { type: 'stored' }>;

export const stored = (path: string, size = 0, more: Partial<Stored> = {}): Stored => ({
  type: 'stored',
  session: 1,
  path,
  as: path,
  size,
  digest: 'ef46db3751d8e999',
  already: false,
  durable: true,
  seconds: 0.3,
  ...more,
});

export const refused = (path: string, code: ErrorCode, message: string, session = 1): TransferEvent => ({
  type: 'refused',
  session,
  path,
  code,
  message,
});

export const failed = (path: string | null, code: ErrorCode, message: string, session = 1): TransferEvent => ({
  type: 'failed',
  session,
  path,
  code,
  message,
});

export const summary = (more: Partial<Summary> = {}): Summary => ({
  stored: 0,
  sent: 0,
  refused: 0,
  failed: 0,
  bytes: 0,
  seconds: 1.2,
  ...more,
});

export const done = (session = 1, more: Partial<Summary> = {}): TransferEvent => ({
  type: 'done',
  session,
  ...summary(more),
});
