/** Which entries that were not stored get a line: the first with each cause, and of each kind only some. */
import type { ErrorCode } from '../../core/errors.js';
import type { TransferEvent } from '../../core/events.js';
import { escapeText } from './escape.js';

const MAX_OF_KIND = 10;
/** A peer could make up any number of kinds by its sentences. */
const MAX_OF_CODE = 50;
const MAX_NAME_CHARACTERS = 200;
const MAX_REASON_CHARACTERS = 400;

type Loss = Extract<TransferEvent, { type: 'refused' | 'failed' }> & { readonly path: string };

/** An entry that gets a line, in text that is safe to show. */
export interface ToldLoss {
  /** The entry; or the folder above it that is the cause, with "and everything in it". */
  readonly what: string;
  readonly why: string;
}

export interface Losses {
  /** Returns what to say of the entry; undefined if its cause has been told, or enough of its kind have. */
  tell(loss: Loss): ToldLoss | undefined;
  /** Returns a sentence for each code of which entries have got no line: `and 1,990 more were refused (bad-link)`. */
  more(): string[];
  /** Whether an entry was lost with this code. */
  has(code: ErrorCode): boolean;
}

export function createLosses(): Losses {
  const causes = new Set<string>();
  const kinds = new Map<string, number>();
  const codes = new Map<ErrorCode, { told: number; more: number; verb: string }>();

  function tell({ type, code, path, message }: Loss): ToldLoss | undefined {
    const { subject, reason } = findSubject(path, message);
    const cause = `${code} ${subject} ${reason}`;
    if (causes.has(cause)) return undefined;
    const ofCode = codes.get(code) ?? { told: 0, more: 0, verb: type === 'refused' ? 'were refused' : 'failed' };
    codes.set(code, ofCode);
    // What is quoted, and numbers, tell two entries of one kind apart.
    const kind = `${code} ${reason.replace(/"[^"]*"|\d+/g, '')}`;
    const ofKind = kinds.get(kind) ?? 0;
    if (ofKind >= MAX_OF_KIND || ofCode.told >= MAX_OF_CODE) {
      ofCode.more += 1;
      return undefined;
    }
    causes.add(cause);
    kinds.set(kind, ofKind + 1);
    ofCode.told += 1;
    return {
      what: `${showName(subject)}${subject === path ? '' : ' and everything in it'}`,
      why: escapeText(cutMiddle(reason, MAX_REASON_CHARACTERS)),
    };
  }

  return {
    tell,
    more: () =>
      [...codes]
        .filter(([, { more }]) => more > 0)
        .map(
          ([code, { more, verb }]) => `and ${more.toLocaleString('en-US')} more ${verb} (${code}; --json names all)`,
        ),
    has: (code) => codes.has(code),
  };
}

/**
 * A message begins with the path of what it is about: the entry itself, or a folder above it that stands in the way of
 * everything in it. The path may be shortened. A message without a path is about the entry.
 */
function findSubject(path: string, message: string): { subject: string; reason: string } {
  for (let subject = path; ; subject = subject.slice(0, subject.lastIndexOf('/'))) {
    for (const shown of [subject, cutMiddle(subject, MAX_NAME_CHARACTERS)])
      if (message.startsWith(`${shown}: `)) return { subject, reason: message.slice(shown.length + 2) };
    if (!subject.includes('/')) return { subject: path, reason: message };
  }
}

/** The name of an entry for people: at most 200 characters, and in quotes if it begins or ends with a blank. */
export function showName(path: string): string {
  const shown = escapeText(cutMiddle(path, MAX_NAME_CHARACTERS));
  return /^[\s"]|[\s"]$|^$/.test(shown) ? `"${shown}"` : shown;
}

/** The same form in which messages of ftx show a long path. */
function cutMiddle(text: string, characters: number): string {
  const half = characters / 2;
  return text.length <= characters ? text : `${text.slice(0, half)}…${text.slice(-half)}`.toWellFormed();
}
