/** What is typed after an option, as a value. Each function throws commander's error with a sentence on what to type. */
import { InvalidArgumentError } from 'commander';

const SIZE = /^(\d+(?:\.\d+)?)(?:([KMGTP])(?:iB)?)?$/i;
const POWERS_OF_1024 = 'KMGTP';
/** `1024`, `500M`, `10G`, `1.5GiB` as bytes; the letters are powers of 1024. */
export function parseSize(text: string): number {
  const match = SIZE.exec(text);
  if (!match)
    throw new InvalidArgumentError(
      'A size is a number of bytes, or one with K, M, G or T (powers of 1024), like 500M or 10GiB.',
    );
  const exponent = match[2] ? POWERS_OF_1024.indexOf(match[2].toUpperCase()) + 1 : 0;
  const bytes = Math.floor(Number(match[1]) * 1024 ** exponent);
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('That is more than any file can hold.');
  return bytes;
}

/** A port to listen on; 0 means any free port. */
export function parseListenPort(text: string): number {
  return parseInteger(text, 0, 65_535, 'A port is a whole number from 0 to 65535 (0 takes a free one).');
}

export function parseCount(text: string): number {
  return parseInteger(text, 1, 1_000_000, 'It is a whole number from 1 to 1000000.');
}

export function parseRetries(text: string): number {
  return parseInteger(text, 0, 1_000_000, 'It is a whole number from 0 to 1000000.');
}

/** Three octal digits that leave the owner the rights in `needed`, as permission bits. */
function parseMode(text: string, needed: number, sentence: string): number {
  const mode = /^0?[0-7]{3}$/.test(text) ? parseInt(text, 8) : 0;
  if ((mode & needed) !== needed) throw new InvalidArgumentError(sentence);
  return mode;
}

export function parseFileMode(text: string): number {
  return parseMode(text, 0o600, 'It is three octal digits that let the owner read and write, like 664.');
}

export function parseDirMode(text: string): number {
  return parseMode(text, 0o700, 'It is three octal digits that let the owner do everything, like 775.');
}

const DURATION_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m`, `12h` or `7d`, as milliseconds. */
export function parseDurationAsMs(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = DURATION_MS[unit ?? ''];
  if (!unitMs) throw new InvalidArgumentError('It is a number with s, m, h or d, like 12h or 7d.');
  return Number(count) * unitMs;
}

/** A text that is given at most once. Commander hands the value of the option so far as `before`. */
export function parseOnce(text: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError(`It is given twice, and before it was ${before}.`);
  return text;
}

/** The limits of a timeout, which are those of the protocol. */
const MIN_MS = 100;
const MAX_SECONDS = 24 * 60 * 60;

/** `60` or `0.5` seconds, as milliseconds. */
export function parseSecondsAsMs(text: string): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const ms = Math.round(seconds * 1000);
  if (!(ms >= MIN_MS && seconds <= MAX_SECONDS))
    throw new InvalidArgumentError(`It is a number of seconds, at least ${MIN_MS / 1000} and at most ${MAX_SECONDS}.`);
  return ms;
}

function parseInteger(text: string, min: number, max: number, explanation: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new InvalidArgumentError(explanation);
  return value;
}
