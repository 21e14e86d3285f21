/** The JSON forms of PROTOCOL.md section 5, as schemas that check and convert what a peer sent. */
import * as v from 'valibot';
import { FtxError, WIRE_CODES, type ErrorCode } from '../core/errors.js';
import * as limits from './constants.js';

const bytes = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9]\d{0,15})$/),
  v.transform(Number),
  v.maxValue(Number.MAX_SAFE_INTEGER),
);
/** The times that 64 bits of nanoseconds hold: from 1677 to 2262. */
const TIME_NS_MAX = 2n ** 63n - 1n;
const TIME_NS_MIN = -(2n ** 63n);
/** A time from farther away, as broken clocks and some disks have it, is read as the nearest that there is. */
const nanoseconds = v.pipe(
  v.string(),
  v.regex(/^(0|-?[1-9]\d{0,29})$/),
  v.transform((text) => clampTime(BigInt(text))),
);

/** Returns the time, or the nearest that 64 bits hold. A receiver of version 0.1.0 ends the session for what has more digits. */
export function clampTime(ns: bigint): bigint {
  if (ns > TIME_NS_MAX) return TIME_NS_MAX;
  return ns < TIME_NS_MIN ? TIME_NS_MIN : ns;
}

const octalMode = v.pipe(
  v.string(),
  v.regex(/^[0-7]{3}$/),
  v.transform((text) => parseInt(text, 8)),
);
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
/** Section 10: a code that this version does not know, or that no peer may send, is read as `fallback`. */
const codeOr = (fallback: ErrorCode) => v.fallback(v.picklist(WIRE_CODES), fallback);
const sentence = v.pipe(v.string(), v.maxLength(limits.MAX_MESSAGE_CHARS));

/** 16 bytes. */
const hex16 = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

export const hello = v.object({
  transfer: v.optional(hex16),
  idle: v.pipe(v.number(), v.safeInteger(), v.minValue(limits.MIN_IDLE_MS), v.maxValue(limits.MAX_IDLE_MS)),
  agent: v.pipe(v.string(), v.maxLength(limits.MAX_AGENT_CHARS)),
  capabilities: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(limits.MAX_CAPABILITY_CHARS))),
    v.maxLength(limits.MAX_CAPABILITIES),
  ),
  limits: v.optional(v.object({ offers: v.pipe(v.number(), v.safeInteger(), v.minValue(1)), size: bytes })),
});
export const offer = v.pipe(
  v.object({
    path: v.string(),
    kind: v.picklist(['file', 'directory', 'symlink']),
    size: v.optional(bytes),
    mtime: nanoseconds,
    mode: octalMode,
    target: v.optional(v.string()),
    pin: v.optional(hex16),
    allocated: v.optional(bytes),
  }),
  v.check(({ kind, size }) => kind === 'file' || size === 0, 'only a file has a size'),
  v.check(
    ({ kind, size = -1, allocated }) => allocated === undefined || (kind === 'file' && allocated <= size),
    'only a file has bytes allocated, and no more than its size',
  ),
  v.check(({ kind, target }) => (kind === 'symlink') === (target !== undefined), 'a symlink and only it has a target'),
);
export const offset = v.object({ offset: bytes });
/** 32 bytes. */
const hex32 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
export const ready = v.object({ offset: bytes, have: v.optional(v.boolean(), false), nonce: v.optional(hex32) });
export const end = v.object({ digest, size: bytes, proof: v.optional(hex32) });
const percent = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100));
const sharesSchema = v.object({ network: percent, disk: percent, cpu: percent });
export const stored = v.object({
  as: v.string(),
  already: v.optional(v.boolean(), false),
  durable: v.optional(v.boolean(), true),
  digest: v.optional(digest),
  shares: v.optional(sharesSchema),
});
export const packed = v.object({ durable: v.optional(v.boolean(), true), shares: v.optional(sharesSchema) });
export const status = v.object({ shares: sharesSchema, received: v.optional(bytes) });
export const refused = v.object({ code: codeOr('refused'), message: sentence });
export const error = v.object({ code: codeOr('io'), message: sentence, follow: v.optional(v.boolean()) });

export const check = v.object({
  entries: v.pipe(v.array(offer), v.minLength(1)),
  last: v.optional(v.boolean(), false),
  dry: v.optional(v.boolean(), false),
});
const index = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const checked = v.object({
  verdicts: v.array(
    v.variant('fate', [
      v.object({ index, fate: v.literal('refused'), code: codeOr('refused'), message: sentence }),
      v.object({
        index,
        fate: v.picklist(['new', 'rename', 'replace', 'already']),
        as: v.optional(v.string()),
        offset: v.optional(bytes, '0'),
        digest: v.optional(digest),
        durable: v.optional(v.boolean()),
      }),
    ]),
  ),
  end: v.optional(v.boolean(), false),
  room: v.optional(v.object({ needed: bytes, free: v.nullable(bytes) })),
});

export const PAIR_STEPS = ['request', 'answer', 'proof', 'paired'] as const;
const base64url = v.pipe(v.string(), v.maxLength(limits.MAX_PAIR_CHARS), v.regex(/^[\w-]*$/));
export const pair = v.object({ step: v.picklist(PAIR_STEPS), data: v.optional(base64url, '') });

/** The JSON in the form of its schema. Throws FtxError `protocol` when it does not have that form. */
export function validate<S extends v.GenericSchema>(schema: S, type: string, json: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]);
  throw new FtxError('protocol', `The peer sent a malformed ${type} message${where ? ` (field ${where})` : ''}.`);
}
