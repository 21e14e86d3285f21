/** The code that a receiver shows for one new sender: how it is written, and how often and how long it may be tried. No I/O. */
import { randomInt } from 'node:crypto';
import { FtxError } from '../core/errors.js';

const GROUP_DIGITS = 4;
const CODE = /^\d{8}$/;
const CODES = 10 ** 8;
const MAX_TRIES = 3;

export function createCode(): string {
  return String(randomInt(CODES)).padStart(2 * GROUP_DIGITS, '0');
}

/** `4821-9377` */
export function spellCode(code: string): string {
  return `${code.slice(0, GROUP_DIGITS)}-${code.slice(GROUP_DIGITS)}`;
}

/** Reads a code as people type it, with or without spaces and hyphens. Throws FtxError `unpaired`, whose message does not repeat the text. */
export function parseCode(text: string): string {
  const digits = text.replace(/[\s-]/g, '');
  if (CODE.test(digits)) return digits;
  throw new FtxError(
    'unpaired',
    'That is not a code: it is the eight digits that "ftx receive --pair" shows, like 4821-9377. Nothing was sent.',
  );
}

export interface CodeTry {
  /** The code was right: uses it up. Throws FtxError `unpaired` if the time of the code is over, or another sender was faster. */
  claim(): void;
  /** After claim(): the sender could not be let in, through no fault of its own. The code is as it was before the try. */
  giveBack(): void;
  /** The code was wrong, or the sender broke off. Returns how many tries are left, and whether the last of them is lost now. */
  fail(): { readonly left: number; readonly burned: boolean };
}

/** Bookkeeping of one code: three tries in all, for all senders together. */
export interface OneTimeCode {
  readonly isOpen: boolean;
  /** Counts the try before anything is compared. Throws FtxError `unpaired` when there is none left. */
  begin(): CodeTry;
  /** Ends the time of the code. Returns whether a sender could still have used the code. */
  expire(): boolean;
}

/** `now`: milliseconds of a clock that never goes back. */
export function createOneTimeCode({ now, lifetimeMs }: { now: () => number; lifetimeMs: number }): OneTimeCode {
  const end = now() + lifetimeMs;
  let left = MAX_TRIES;
  let running = 0;
  let used = false;
  let expired = false;
  const isValid = () => !used && !expired && now() < end;

  return {
    get isOpen() {
      return isValid() && left > 0;
    },
    begin() {
      if (!isValid() || left === 0) throw codeOverError();
      left -= 1;
      running += 1;
      return {
        claim() {
          running -= 1;
          if (!isValid()) throw codeOverError();
          used = true;
        },
        giveBack() {
          used = false;
          left += 1;
        },
        fail() {
          running -= 1;
          return { left, burned: isValid() && left === 0 && running === 0 };
        },
      };
    },
    expire() {
      expired = true;
      return !used && left + running > 0;
    },
  };
}

function codeOverError(): FtxError {
  return new FtxError(
    'unpaired',
    'The code is used up, or its time is over. Ask for a new one: "ftx receive --pair" on the other machine shows it.',
  );
}
