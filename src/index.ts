export { FtxError, type ErrorCode } from './errors.js';
export type { EntryKind, EventListener, Limit, ReceiverShares, SenderShares, Summary, Totals, TransferEvent, WireProtocol } from './ports.js';
export { listParts, receive, type LeftPart, type Receiver, type ReceiveOptions, type ReceiveResult } from './receive.js';
export { spellFingerprint, type Fingerprint } from './identity/fingerprint.js';
export { forgetPeer, forgetSender, listPeers, readOwnIdentity, type KnownPeer } from './peers.js';
export { send, type SendOptions, type SendResult } from './send.js';
