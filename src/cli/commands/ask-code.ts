/** Where the code of a pairing comes from on the sender's side: a file, standard input, or a person. */
import type { Readable } from 'node:stream';
import { DEFAULT_CODE_MS } from '../../core/defaults.js';
import { FtxError } from '../../core/errors.js';
import { STANDARD_INPUT } from '../../client/inputs.js';
import { readCodeFile } from '../../client/send.js';
import { formatTarget, type Address } from '../../core/address.js';
import { escapeText } from '../screen/escape.js';
import type { CliIo } from '../screen/io.js';

const MAX_CHARACTERS = 256;

export interface CodeArguments {
  readonly paths: readonly string[];
  readonly codeFile?: string;
  readonly timeoutMs: number;
}

/**
 * The code that the receiver shows: from the file of --code-file, or typed at a
 * terminal. Standard input is read only for `--code-file -`, because the input
 * of a script may be meant for another program. Undefined where nobody can be
 * asked. Throws FtxError `unreadable`, or `unpaired` when no code comes in time.
 */
export async function askCode(
  args: CodeArguments,
  io: CliIo,
  to: Address,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { paths, codeFile, timeoutMs } = args;
  if (codeFile !== undefined && codeFile !== STANDARD_INPUT) return readCodeFile(codeFile);
  const isInputFree = !paths.includes(STANDARD_INPUT);
  const isTerminal = isInputFree && (io.stdin as { isTTY?: boolean }).isTTY && io.stderr.isTTY;
  if (!isTerminal && codeFile === undefined) return undefined;
  if (isTerminal)
    io.stderr.write(
      `${escapeText(formatTarget(to))} does not know this sender and asks for the code that it shows.\ncode: `,
    );
  // A person may look for the code on the other machine for as long as the receiver keeps it.
  const line = await readLine(io.stdin, isTerminal ? DEFAULT_CODE_MS : timeoutMs, signal).finally(() =>
    io.stdin.destroy(),
  );
  if (line.trim() === '') throw new FtxError('unpaired', 'No code was given. Nothing was sent.');
  return line;
}

/** Reads up to the end of the line or of the stream. */
async function readLine(input: Readable, limitMs: number, signal: AbortSignal): Promise<string> {
  let text = '';
  let off: () => void = () => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const take = (data: Buffer | string) => {
        text += data.toString();
        if (text.includes('\n') || text.length > MAX_CHARACTERS) resolve();
      };
      const end = () => resolve();
      const abort = () => reject(signal.reason as Error);
      // The code is not `timeout`, because the sender would try that again.
      const giveUp = () =>
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
