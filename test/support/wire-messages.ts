import type { Message } from '../../src/protocol/messages.js';

/** What each file of fixtures/wire says; the content of `data` is "hello". */
export const WIRE_MESSAGES: Readonly<Record<string, Message>> = {
  'hello-sender': { type: 'hello', id: 0, agent: 'ftx/0.1.0', capabilities: ['status'], idleMs: 60_000, limits: undefined },
  'hello-receiver': {
    type: 'hello',
    id: 0,
    agent: 'ftx/0.1.0',
    capabilities: [],
    idleMs: 60_000,
    limits: { offers: 256, size: 10 * 1024 ** 3 },
  },
  'offer-file': {
    type: 'offer',
    id: 1,
    entry: { path: 'photo.jpg', kind: 'file', size: 5, mtimeNs: 1_700_000_000_123_456_789n, mode: 0o644 },
  },
  'offer-stream': {
    type: 'offer',
    id: 2,
    entry: { path: '写真/メモ.txt', kind: 'file', size: null, mtimeNs: 0n, mode: 0o600 },
  },
  'offer-directory': {
    type: 'offer',
    id: 3,
    entry: { path: 'folder', kind: 'directory', size: 0, mtimeNs: -1_000_000_000n, mode: 0o755 },
  },
  'offer-symlink': {
    type: 'offer',
    id: 4,
    entry: {
      path: 'folder/link',
      kind: 'symlink',
      size: 0,
      mtimeNs: 1_700_000_000_000_000_000n,
      mode: 0o777,
      target: '../folder/a',
    },
  },
  ready: { type: 'ready', id: 1, offset: 0, have: false },
  'ready-have': { type: 'ready', id: 7, offset: 2_097_152, have: true },
  have: { type: 'have', id: 7, digests: [0x0123456789abcdefn, 0x26c7827d889f6da3n] },
  data: { type: 'data', id: 1, offset: 0, digest: 0x26c7827d889f6da3n, length: 5 },
  end: { type: 'end', id: 1, digest: '26c7827d889f6da3', size: 5 },
  again: { type: 'again', id: 1, offset: 1024 ** 2 },
  stored: { type: 'stored', id: 1, as: 'photo (1).jpg', already: false, durable: true },
  'stored-already': { type: 'stored', id: 1, as: 'photo.jpg', already: true, durable: true },
  'stored-not-durable': { type: 'stored', id: 1, as: 'photo.jpg', already: false, durable: false },
  'stored-shares': {
    type: 'stored',
    id: 6,
    as: 'film.mp4',
    already: false,
    durable: true,
    shares: { network: 12, disk: 80, cpu: 8 },
  },
  status: { type: 'status', id: 0, shares: { network: 90, disk: 3, cpu: 7 } },
  refused: { type: 'refused', id: 5, code: 'bad-name', message: 'A name may not be "..".' },
  'error-entry': { type: 'error', id: 1, code: 'changed', message: 'photo.jpg changed while it was sent.' },
  'error-session': { type: 'error', id: 0, code: 'busy', message: 'Try again later.' },
  ping: { type: 'ping', id: 0 },
  goodbye: { type: 'goodbye', id: 0 },
};
