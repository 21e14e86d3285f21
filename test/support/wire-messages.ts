import type { Message } from '../../src/protocol/messages.js';
import type { PackFile } from './pack-frames.js';

/** What each file of fixtures/wire says; the content of `data` is "hello", that of `pack` is PACKED_FILES. */
export const WIRE_MESSAGES: Readonly<Record<string, Message>> = {
  'hello-sender': {
    type: 'hello',
    id: 0,
    agent: 'ftx/0.1.0',
    capabilities: ['status'],
    idleMs: 60_000,
    limits: undefined,
  },
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
  'offer-sparse': {
    type: 'offer',
    id: 8,
    entry: {
      path: 'disk.img',
      kind: 'file',
      size: 8 * 1024 ** 3,
      mtimeNs: 1_700_000_000_123_456_789n,
      mode: 0o600,
      allocated: 4096,
    },
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
  'status-received': { type: 'status', id: 0, shares: { network: 90, disk: 3, cpu: 7 }, received: 1_048_700 },
  refused: { type: 'refused', id: 5, code: 'bad-name', message: 'A name may not be "..".' },
  'error-entry': { type: 'error', id: 1, code: 'changed', message: 'photo.jpg changed while it was sent.' },
  'error-follow': { type: 'error', id: 1, code: 'busy', message: 'Another one has it.', follow: true },
  'error-session': { type: 'error', id: 0, code: 'busy', message: 'Try again later.' },
  pair: { type: 'pair', id: 0, step: 'proof', data: 'm6-_AQ' },
  'pair-paired': { type: 'pair', id: 0, step: 'paired', data: '' },
  check: {
    type: 'check',
    id: 0,
    entries: [
      { path: 'notes/todo.txt', kind: 'file', size: 9, mtimeNs: 1_700_000_000_000_000_000n, mode: 0o644 },
      { path: 'film.mp4', kind: 'file', size: 20 * 1024 ** 3, mtimeNs: 0n, mode: 0o644 },
      { path: 'photo.jpg', kind: 'file', size: 9_437_184, mtimeNs: 0n, mode: 0o644 },
    ],
    last: true,
    dryRun: true,
  },
  checked: {
    type: 'checked',
    id: 0,
    verdicts: [
      { index: 0, fate: 'already', offset: 0 },
      {
        index: 1,
        fate: 'refused',
        code: 'too-large',
        message: 'film.mp4: is 20 GiB, more than the 10 GiB the receiver takes.',
      },
      { index: 2, fate: 'rename', as: 'photo (1).jpg', offset: 1_048_576 },
    ],
    end: true,
    room: { needed: 8_388_608, free: 5_000_000_000 },
  },
  zeros: { type: 'zeros', id: 1, offset: 2_097_152, length: 1_073_741_824 },
  pack: { type: 'pack', id: 2, count: 2, length: 213 },
  packed: { type: 'packed', id: 2, durable: true },
  'packed-not-durable': { type: 'packed', id: 2, durable: false },
  ping: { type: 'ping', id: 0 },
  goodbye: { type: 'goodbye', id: 0 },
};

const PACKED_ENTRY = { kind: 'file', mtimeNs: 1_700_000_000_123_456_789n, mode: 0o644 } as const;

/** The entries of fixtures/wire/pack.hex. */
export const PACKED_FILES: readonly PackFile[] = [
  { entry: { path: 'notes/a.txt', size: 5, ...PACKED_ENTRY }, content: Buffer.from('hello') },
  { entry: { path: 'notes/empty', size: 0, ...PACKED_ENTRY }, content: new Uint8Array() },
];
