/** The messages of PROTOCOL.md section 5: their types, and their JSON forms checked by schema. */
import * as v from 'valibot';
import { ERROR_CODES, FtxError, type ErrorCode } from '../errors.js';
import type { Entry, ReceiverShares } from '../ports.js';
import * as limits from './constants.js';

export interface Hello {
  readonly agent: string;
  readonly capabilities: readonly string[];
  /** Milliseconds after which this side gives up when nothing moves; the other side pings four times as often. */
  readonly idleMs: number;
  /** Set by receivers. */
  readonly limits?: ReceiverLimits | undefined;
}

export interface ReceiverLimits {
  /** Entries that may be open at once. */
  readonly offers: number;
  /** Bytes of the largest file it takes. */
  readonly size: number;
}

export type ControlMessage =
  | ({ readonly type: 'hello'; readonly id: 0 } & Hello)
  | { readonly type: 'offer'; readonly id: number; readonly entry: Entry }
  | { readonly type: 'ready'; readonly id: number; readonly offset: number; readonly have: boolean }
  | { readonly type: 'end'; readonly id: number; readonly digest: string; readonly size: number }
  | {
      readonly type: 'stored';
      readonly id: number;
      readonly as: string;
      readonly already: boolean;
      readonly durable: boolean;
      readonly shares?: ReceiverShares | undefined;
    }
  | { readonly type: 'refused'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'again'; readonly id: number; readonly offset: number }
  | { readonly type: 'error'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'ping'; readonly id: 0 }
  | { readonly type: 'goodbye'; readonly id: 0 }
  | { readonly type: 'status'; readonly id: 0; readonly shares: ReceiverShares }
  | { readonly type: 'pair'; readonly id: 0; readonly step: PairStep; readonly data: string };

/** In this order, from the sender and the receiver in turn. */
const PAIR_STEPS = ['request', 'answer', 'proof', 'paired'] as const;
export type PairStep = (typeof PAIR_STEPS)[number];

/** The head of a data frame; `length` bytes of content follow it. */
export interface DataMessage {
  readonly type: 'data';
  readonly id: number;
  readonly offset: number;
  readonly digest: bigint;
  readonly length: number;
}

/** Digests of blocks that the receiver has from an earlier session, in order. */
export interface HaveMessage {
  readonly type: 'have';
  readonly id: number;
  readonly digests: readonly bigint[];
}

export type StoredMessage = Extract<ControlMessage, { type: 'stored' }>;
export type Message = ControlMessage | DataMessage | HaveMessage;
export type MessageType = Message['type'];

const bytes = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9]\d{0,15})$/),
  v.transform(Number),
  v.maxValue(Number.MAX_SAFE_INTEGER),
);
/** 19 digits hold every time a 64-bit count of nanoseconds can, 1677 to 2262. */
const nanoseconds = v.pipe(v.string(), v.regex(/^(0|-?[1-9]\d{0,18})$/), v.transform((text) => BigInt(text)));
const octalMode = v.pipe(
  v.string(),
  v.regex(/^[0-7]{3}$/),
  v.transform((text) => parseInt(text, 8)),
);
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
/** What only concerns one's own machine, and no peer has a say in. */
const LOCAL_CODES: readonly ErrorCode[] = [
  'usage', 'not-found', 'unknown-host', 'no-connection', 'identity', 'home', 'cannot-create', 'port-in-use',
];
const WIRE_CODES = ERROR_CODES.filter((code) => !LOCAL_CODES.includes(code));
/** A code that this version does not know, or that no peer may use, keeps its frame's meaning; section 10. */
const codeOr = (fallback: ErrorCode) => v.fallback(v.picklist(WIRE_CODES), fallback);
const sentence = v.pipe(v.string(), v.maxLength(limits.MAX_MESSAGE_CHARS));

const helloSchema = v.object({
  idle: v.pipe(v.number(), v.safeInteger(), v.minValue(limits.MIN_IDLE_MS), v.maxValue(limits.MAX_IDLE_MS)),
  agent: v.pipe(v.string(), v.maxLength(limits.MAX_AGENT_CHARS)),
  capabilities: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(limits.MAX_CAPABILITY_CHARS))),
    v.maxLength(limits.MAX_CAPABILITIES),
  ),
  limits: v.optional(v.object({ offers: v.pipe(v.number(), v.safeInteger(), v.minValue(1)), size: bytes })),
});
const offerSchema = v.pipe(
  v.object({
    path: v.string(),
    kind: v.picklist(['file', 'directory', 'symlink']),
    size: v.optional(bytes),
    mtime: nanoseconds,
    mode: octalMode,
    target: v.optional(v.string()),
  }),
  v.check(({ kind, size }) => kind === 'file' || size === 0, 'only a file has a size'),
  v.check(({ kind, target }) => (kind === 'symlink') === (target !== undefined), 'a symlink and only it has a target'),
);
const offsetSchema = v.object({ offset: bytes });
const readySchema = v.object({ offset: bytes, have: v.optional(v.boolean(), false) });
const endSchema = v.object({ digest, size: bytes });
const percent = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100));
const sharesSchema = v.object({ network: percent, disk: percent, cpu: percent });
const storedSchema = v.object({
  as: v.string(),
  already: v.optional(v.boolean(), false),
  durable: v.optional(v.boolean(), true),
  shares: v.optional(sharesSchema),
});
const statusSchema = v.object({ shares: sharesSchema });
const base64url = v.pipe(v.string(), v.maxLength(limits.MAX_PAIR_CHARS), v.regex(/^[\w-]*$/));
const pairSchema = v.object({ step: v.picklist(PAIR_STEPS), data: v.optional(base64url, '') });
const refusedSchema = v.object({ code: codeOr('refused'), message: sentence });
const errorSchema = v.object({ code: codeOr('io'), message: sentence });

function check<S extends v.GenericSchema>(schema: S, type: MessageType, json: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]);
  throw new FtxError('protocol', `The peer sent a malformed ${type} message${where ? ` (field ${where})` : ''}.`);
}

function parseOffer(json: unknown): Entry {
  const { mtime, size, target, ...rest } = check(offerSchema, 'offer', json);
  return { ...rest, size: size ?? null, mtimeNs: mtime, ...(target === undefined ? {} : { target }) };
}

/** Builds a control message from its JSON; throws FtxError `protocol` when it has not the form of its type. */
export function parseControl(type: ControlMessage['type'], id: number, json: unknown): ControlMessage {
  switch (type) {
    case 'hello': {
      const { idle: idleMs, ...rest } = check(helloSchema, type, json);
      return { type, id: 0, ...rest, idleMs };
    }
    case 'offer':
      return { type, id, entry: parseOffer(json) };
    case 'ready':
      return { type, id, ...check(readySchema, type, json) };
    case 'again':
      return { type, id, ...check(offsetSchema, type, json) };
    case 'end':
      return { type, id, ...check(endSchema, type, json) };
    case 'stored':
      return { type, id, ...check(storedSchema, type, json) };
    case 'refused':
      return { type, id, ...check(refusedSchema, type, json) };
    case 'error':
      return { type, id, ...check(errorSchema, type, json) };
    case 'status':
      return { type, id: 0, ...check(statusSchema, type, json) };
    case 'pair':
      return { type, id: 0, ...check(pairSchema, type, json) };
    case 'ping':
    case 'goodbye':
      return { type, id: 0 };
  }
}

function offerToJson({ path, kind, size, mtimeNs, mode, target }: Entry): unknown {
  const octal = mode.toString(8).padStart(3, '0');
  return { path, kind, size: size?.toString(), mtime: mtimeNs.toString(), mode: octal, target };
}

/** The JSON of a control message; undefined for those without a payload. */
export function controlToJson(message: ControlMessage): unknown {
  switch (message.type) {
    case 'hello': {
      const { agent, capabilities, idleMs: idle, limits: announced } = message;
      return { agent, capabilities, idle, limits: announced && { ...announced, size: announced.size.toString() } };
    }
    case 'offer':
      return offerToJson(message.entry);
    case 'ready':
      return { offset: message.offset.toString(), have: message.have || undefined };
    case 'again':
      return { offset: message.offset.toString() };
    case 'end':
      return { digest: message.digest, size: message.size.toString() };
    case 'stored':
      return { as: message.as, already: message.already || undefined, durable: message.durable ? undefined : false, shares: message.shares };
    case 'status':
      return { shares: message.shares };
    case 'pair':
      return { step: message.step, data: message.data || undefined };
    case 'refused':
    case 'error':
      return { code: message.code, message: message.message.slice(0, limits.MAX_MESSAGE_CHARS) };
    case 'ping':
    case 'goodbye':
      return undefined;
  }
}
