/** Entries and verdicts as JSON: the items of the lists in `check` and `checked`, and the payload of `offer`. */
import { clampTime } from './schemas.js';
import type { Entry } from '../core/entry.js';
import type { ErrorCode } from '../core/errors.js';
import type { Outlook } from '../core/sink.js';
import { MAX_MESSAGE_CHARS } from './constants.js';

/** What would become of one entry of a `check`; `index` is its place in that message, from 0. */
export type Verdict = { readonly index: number } & (
  | (Outlook & { readonly durable?: boolean | undefined })
  | { readonly fate: 'refused'; readonly code: ErrorCode; readonly message: string }
);

/** What an offer says of a file that has no mode of its own. */
const MODE_OF_NONE = 0o644;

export function offerToJson({ path, kind, size, mtimeNs, mode, target, allocated }: Entry): object {
  const octal = (mode ?? MODE_OF_NONE).toString(8).padStart(3, '0');
  const mtime = clampTime(mtimeNs).toString();
  return { path, kind, size: size?.toString(), allocated: allocated?.toString(), mtime, mode: octal, target };
}

/**
 * The JSON text of offerToJson, with a pin if there is one. Put together by hand, because each of very many small files
 * has one or two of them, and only a path or a target may need to be escaped.
 */
export function offerToText({ path, kind, size, mtimeNs, mode, target, allocated }: Entry, pin?: string): string {
  const length = size === null ? '' : `,"size":"${size}"`;
  const sparse = allocated === undefined ? '' : `,"allocated":"${allocated}"`;
  const octal = (mode ?? MODE_OF_NONE).toString(8).padStart(3, '0');
  const times = `,"mtime":"${clampTime(mtimeNs)}","mode":"${octal}"`;
  const link = target === undefined ? '' : `,"target":${JSON.stringify(target)}`;
  const vouched = pin === undefined ? '' : `,"pin":${JSON.stringify(pin)}`;
  return `{"path":${JSON.stringify(path)},"kind":"${kind}"${length}${sparse}${times}${link}${vouched}}`;
}

export function verdictToJson(verdict: Verdict): unknown {
  if (verdict.fate === 'refused') return { ...verdict, message: cutMessage(verdict.message) };
  const { offset, durable = true } = verdict;
  return { ...verdict, offset: offset > 0 ? offset.toString() : undefined, durable: durable ? undefined : false };
}

/** The JSON text of an entry or a verdict in the list of its frame. */
export function encodeItem(item: Entry | Verdict, pin?: string): string {
  return 'index' in item ? JSON.stringify(verdictToJson(item)) : offerToText(item, pin);
}

/** The JSON text of a list of encoded entries. */
export function joinItems(texts: readonly string[], { last, dryRun }: { last: boolean; dryRun: boolean }): string {
  return `{"entries":[${texts.join()}]${last ? ',"last":true' : ''}${dryRun ? ',"dry":true' : ''}}`;
}

/** Bytes that an encoded item takes in the list of its frame, the comma included. */
export function measureItem(text: string): number {
  return countUtf8(text) + ','.length;
}

/** Bytes of the text in UTF-8. Counts instead of encoding, because every entry of a list is measured. */
function countUtf8(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    // A surrogate pair is two units and four bytes: each half adds one.
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

export function cutMessage(message: string): string {
  return message.slice(0, MAX_MESSAGE_CHARS);
}
