export { FtxError, type ErrorCode } from './core/errors.js';
export type { EntryKind } from './core/entry.js';
export type {
  EventListener,
  Limit,
  ReceiverShares,
  SenderShares,
  Summary,
  Totals,
  TransferEvent,
  WireProtocol,
} from './core/events.js';
export {
  dropParts,
  listParts,
  receive,
  type LeftPart,
  type Receiver,
  type ReceiveOptions,
  type ReceiveResult,
} from './mailbox/receive.js';
export { spellFingerprint, type Fingerprint } from './core/fingerprint.js';
export { forgetPeer, forgetSender, listPeers, readOwnIdentity, type KnownPeer } from './home/peers.js';
export { send, type SendOptions, type SendResult } from './client/send.js';
