/** The messages of PROTOCOL.md section 5: their types, and their translation from and to JSON. */
import type * as v from 'valibot';
import type { ErrorCode } from '../core/errors.js';
import type { Entry } from '../core/entry.js';
import type { Capacity } from '../core/sink.js';
import type { ReceiverShares } from '../core/events.js';
import type { DataMessage, HaveMessage, PackMessage, ZerosMessage } from './content-messages.js';
import { cutMessage, joinItems, offerToJson, verdictToJson, type Verdict } from './item-json.js';
import * as schemas from './schemas.js';

export type { DataMessage, HaveMessage, PackMessage, ZerosMessage };

export interface Hello {
  /** Program and version, for people: `ftx/0.1.0`. */
  readonly agent: string;
  readonly capabilities: readonly string[];
  /** After this many milliseconds without a byte this side gives up. The other side pings four times in that time. */
  readonly idleMs: number;
  /** The id of the transfer, 32 hex digits. Only a sender sets it. */
  readonly transfer?: string | undefined;
  /** Only a receiver sets them. */
  readonly limits?: ReceiverLimits | undefined;
}

export interface ReceiverLimits {
  /** Entries that may be open at once. */
  readonly offers: number;
  /** Bytes of the largest file that the receiver takes. */
  readonly size: number;
}

export interface CheckMessage {
  readonly type: 'check';
  readonly id: 0;
  readonly entries: readonly Entry[];
  /** What the sender vouches for each entry with, 32 hex digits; undefined if it does for none. */
  readonly pins?: readonly (string | undefined)[] | undefined;
  /** The entries as encodeItem returns them, if the sender of the message has them: they are not encoded again. */
  readonly texts?: readonly string[];
  /** No more entries follow. */
  readonly last: boolean;
  /** The sender will offer nothing afterwards. */
  readonly dryRun: boolean;
}

export interface CheckedMessage {
  readonly type: 'checked';
  readonly id: 0;
  readonly verdicts: readonly Verdict[];
  /** No more verdicts of this `check` follow. */
  readonly end: boolean;
  /** Set in the answer that ends the last `check`. */
  readonly room?: Capacity | undefined;
}

export interface OfferMessage {
  readonly type: 'offer';
  readonly id: number;
  readonly entry: Entry;
  /** What the sender vouches for its file with, 32 hex digits. */
  readonly pin?: string | undefined;
}

export interface ReadyMessage {
  readonly type: 'ready';
  readonly id: number;
  readonly offset: number;
  readonly have: boolean;
  /** Asks for a proof that begins with these bytes, in hex. */
  readonly nonce?: string | undefined;
}

export interface EndMessage {
  readonly type: 'end';
  readonly id: number;
  readonly digest: string;
  readonly size: number;
  /** SHA-256 of the nonce and the content, in hex. */
  readonly proof?: string | undefined;
}

export interface ErrorMessage {
  readonly type: 'error';
  readonly id: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** Another transfer of the sender goes on with the file: the sender offers it again, and waits for the answer. */
  readonly follow?: boolean | undefined;
}

/** The answer to a pack: each of its entries that was not answered by itself is stored under its own path. */
export interface PackedMessage {
  readonly type: 'packed';
  /** Of the first entry of the pack. */
  readonly id: number;
  readonly durable: boolean;
  readonly shares?: ReceiverShares | undefined;
}

export type ControlMessage =
  | CheckMessage
  | CheckedMessage
  | ({ readonly type: 'hello'; readonly id: 0 } & Hello)
  | OfferMessage
  | ReadyMessage
  | EndMessage
  | {
      readonly type: 'stored';
      readonly id: number;
      readonly as: string;
      readonly already: boolean;
      readonly durable: boolean;
      /** Of the file, in hex; only if none of its content was asked for. */
      readonly digest?: string | undefined;
      readonly shares?: ReceiverShares | undefined;
    }
  | PackedMessage
  | { readonly type: 'refused'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'again'; readonly id: number; readonly offset: number }
  | ErrorMessage
  | { readonly type: 'ping'; readonly id: 0 }
  | { readonly type: 'goodbye'; readonly id: 0 }
  | {
      readonly type: 'status';
      readonly id: 0;
      readonly shares: ReceiverShares;
      /** Bytes of the sender that the receiver has read, from the greeting on; undefined from an older receiver. */
      readonly received?: number | undefined;
    }
  | { readonly type: 'pair'; readonly id: 0; readonly step: PairStep; readonly data: string };

/** The steps of pairing, in order: the sender takes the first, then both take turns. */
export type PairStep = (typeof schemas.PAIR_STEPS)[number];

export type StoredMessage = Extract<ControlMessage, { type: 'stored' }>;
export type StatusMessage = Extract<ControlMessage, { type: 'status' }>;
export type Message = ControlMessage | DataMessage | HaveMessage | ZerosMessage | PackMessage;
export type MessageType = Message['type'];

/** Builds what an offer says from its JSON. Throws FtxError `protocol` when the JSON does not have its form. */
export function parseOffer(type: MessageType, json: unknown): Pick<OfferMessage, 'entry' | 'pin'> {
  return toOffer(schemas.validate(schemas.offer, type, json));
}

function toOffer({ pin, ...entry }: v.InferOutput<typeof schemas.offer>): Pick<OfferMessage, 'entry' | 'pin'> {
  return { entry: toEntry(entry), ...(pin !== undefined && { pin }) };
}

function toEntry({ mtime, size, target, ...rest }: Omit<v.InferOutput<typeof schemas.offer>, 'pin'>): Entry {
  return { ...rest, size: size ?? null, mtimeNs: mtime, ...(target === undefined ? {} : { target }) };
}

/** Builds a control message from its JSON. Throws FtxError `protocol` when the JSON does not have its form. */
export function parseControl(type: ControlMessage['type'], id: number, json: unknown): ControlMessage {
  switch (type) {
    case 'hello': {
      const { idle: idleMs, ...rest } = schemas.validate(schemas.hello, type, json);
      return { type, id: 0, ...rest, idleMs };
    }
    case 'offer':
      return { type, id, ...toOffer(schemas.validate(schemas.offer, type, json)) };
    case 'ready':
      return { type, id, ...schemas.validate(schemas.ready, type, json) };
    case 'again':
      return { type, id, ...schemas.validate(schemas.offset, type, json) };
    case 'end':
      return { type, id, ...schemas.validate(schemas.end, type, json) };
    case 'stored':
      return { type, id, ...schemas.validate(schemas.stored, type, json) };
    case 'packed':
      return { type, id, ...schemas.validate(schemas.packed, type, json) };
    case 'refused':
      return { type, id, ...schemas.validate(schemas.refused, type, json) };
    case 'error':
      return { type, id, ...schemas.validate(schemas.error, type, json) };
    case 'status':
      return { type, id: 0, ...schemas.validate(schemas.status, type, json) };
    case 'check': {
      const { entries, last, dry: dryRun } = schemas.validate(schemas.check, type, json);
      const offers = entries.map(toOffer);
      const pins = offers.some(({ pin }) => pin !== undefined) ? { pins: offers.map(({ pin }) => pin) } : {};
      return { type, id: 0, entries: offers.map(({ entry }) => entry), ...pins, last, dryRun };
    }
    case 'checked':
      return { type, id: 0, ...schemas.validate(schemas.checked, type, json) };
    case 'pair':
      return { type, id: 0, ...schemas.validate(schemas.pair, type, json) };
    case 'ping':
    case 'goodbye':
      return { type, id: 0 };
  }
}

/** The payload of a control message as JSON text; undefined for a message without a payload. */
export function controlToText(message: ControlMessage): string | undefined {
  if (message.type === 'check' && message.texts) return joinItems(message.texts, message);
  const json = controlToJson(message);
  return json === undefined ? undefined : JSON.stringify(json);
}

function helloToJson({ agent, capabilities, idleMs: idle, transfer, limits }: Hello): unknown {
  return { agent, capabilities, idle, transfer, limits: limits && { ...limits, size: limits.size.toString() } };
}

function controlToJson(message: ControlMessage): unknown {
  switch (message.type) {
    case 'hello':
      return helloToJson(message);
    case 'offer':
      return { ...offerToJson(message.entry), pin: message.pin };
    case 'ready':
      return { offset: message.offset.toString(), have: message.have || undefined, nonce: message.nonce };
    case 'again':
      return { offset: message.offset.toString() };
    case 'end':
      return { digest: message.digest, size: message.size.toString(), proof: message.proof };
    case 'stored':
      return {
        as: message.as,
        already: message.already || undefined,
        durable: message.durable ? undefined : false,
        digest: message.digest,
        shares: message.shares,
      };
    case 'packed':
      return { durable: message.durable ? undefined : false, shares: message.shares };
    case 'status':
      return { shares: message.shares, received: message.received?.toString() };
    case 'pair':
      return { step: message.step, data: message.data || undefined };
    case 'refused':
      return { code: message.code, message: cutMessage(message.message) };
    case 'error':
      return { code: message.code, message: cutMessage(message.message), follow: message.follow };
    case 'check':
      return {
        entries: message.entries.map(offerToJson),
        last: message.last || undefined,
        dry: message.dryRun || undefined,
      };
    case 'checked': {
      const { verdicts, end, room } = message;
      const json = room && { needed: room.needed.toString(), free: room.free?.toString() ?? null };
      return { verdicts: verdicts.map(verdictToJson), end: end || undefined, room: json };
    }
    case 'ping':
    case 'goodbye':
      return undefined;
  }
}
