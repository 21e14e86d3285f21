import type { Readable } from 'node:stream';
import { FtxError } from '../../core/errors.js';
import { readCodeFile } from '../../client/send.js';
import { formatTarget, type Address } from '../../core/address.js';
import { escapeText } from '../screen/escape.js';
import type { CliIo } from '../screen/io.js';

const STANDARD_INPUT = '-';
const MAX_CHARACTERS = 256;
/** A person looks for it on another machine; there it is good for as long. */
const TYPING_MS = 10 * 60 * 1000;

export interface CodeArguments {
  readonly paths: readonly string[];
  readonly codeFile?: string;
  readonly timeoutMs: number;
}

/**
 * The code of the receiver, from a file, a terminal, or from standard input if
 * that was said in so many words: a script's input may be meant for another.
 * Undefined where nobody can be asked. Throws FtxError `unreadable`, or
 * `unpaired` when none is given; it never waits for ever.
 */
export async function askCode(
  args: CodeArguments,
  io: CliIo,
  to: Address,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { paths, codeFile, timeoutMs } = args;
  if (codeFile !== undefined && codeFile !== STANDARD_INPUT) return readCodeFile(codeFile);
  const isTerminal =
    !paths.includes(STANDARD_INPUT) && (io.stdin as { isTTY?: boolean }).isTTY === true && io.stderr.isTTY === true;
  if (!isTerminal && codeFile === undefined) return undefined;
  if (isTerminal)
    io.stderr.write(
      `${escapeText(formatTarget(to))} does not know this sender and asks for the code that it shows.\ncode: `,
    );
  const line = await readLine(io.stdin, isTerminal ? TYPING_MS : timeoutMs, signal).finally(() => io.stdin.destroy());
  if (line.trim() === '') throw new FtxError('unpaired', 'No code was given. Nothing was sent.');
  return line;
}

/** Up to the end of the line or of the stream. */
async function readLine(input: Readable, limitMs: number, signal: AbortSignal): Promise<string> {
  let text = '';
  let off: () => void = () => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const take = (data: Buffer | string): void => {
        text += data.toString();
        if (text.includes('\n') || text.length > MAX_CHARACTERS) resolve();
      };
      const end = (): void => resolve();
      const abort = (): void => reject(signal.reason as Error);
      // Not `timeout`, which would be tried again.
      const giveUp = (): void =>
        reject(new FtxError('unpaired', `No code came within ${limitMs / 1000} s. Nothing was sent.`));
      const timer = setTimeout(giveUp, limitMs);
      input.on('data', take).on('end', end).on('error', reject);
      signal.addEventListener('abort', abort);
      off = () => {
        input.off('data', take).off('end', end).off('error', reject);
        signal.removeEventListener('abort', abort);
        clearTimeout(timer);
      };
      if (signal.aborted) abort();
    });
  } finally {
    off();
  }
  return text.split('\n', 1)[0] ?? '';
}
