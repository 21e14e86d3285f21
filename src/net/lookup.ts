/**
 * The addresses of a host name.
 *
 * The system looks names up in a call that nothing can end, and a process cannot
 * leave before the call returns: with a name server that does not answer, that
 * takes a minute. So another Node process makes the call, and is killed when its
 * answer is not wanted any more.
 */
import { lookup as lookUpHere } from 'node:dns/promises';
import { isIP } from 'node:net';
import { basename } from 'node:path';
import { canonicalHost } from '../core/address.js';
import { abortReason, errnoOf, FtxError, nameFailure } from '../core/errors.js';

export interface LookupOptions {
  readonly host: string;
  /** Milliseconds that the look-up may take. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The addresses in the order in which the system would try them. Throws FtxError `unknown-host`, or the reason of the signal. */
export async function lookUp({ host, timeoutMs, signal }: LookupOptions): Promise<readonly string[]> {
  if (isIP(host)) return [host];
  const canonical = canonicalHost(host);
  if (isIP(canonical)) return [canonical];
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    // No name server is asked for this name.
    if (canonical === 'localhost') return await lookUpInProcess(host);
    return await lookUpInChild(host, AbortSignal.any(signal ? [signal, deadline] : [deadline]));
  } catch (error) {
    if (signal?.aborted) throw abortReason(signal);
    throw lookupError(host, deadline.aborted ? { waitedMs: timeoutMs } : (errnoOf(error) ?? ''), error);
  }
}

/** The FtxError `unknown-host` for a look-up that failed with the code `why`, or had no answer in time. */
export function lookupError(host: string, why: string | { readonly waitedMs: number }, cause?: unknown): FtxError {
  const advice = 'Check the network of this machine, or use the IP address.';
  const sentence =
    typeof why === 'object'
      ? `The name ${host} was not found within ${why.waitedMs / 1000} s: the name server (DNS) does not answer. ${advice}`
      : (UNKNOWN[why]?.(host, advice) ??
        `The name ${host} cannot be looked up (${nameFailure(cause)}). Check the name, or use its IP address.`);
  return new FtxError('unknown-host', sentence, { cause });
}

const isUnknown = (host: string) => `The host ${host} is not known. Check the name, or use its IP address.`;

/** What the codes of a look-up mean. */
const UNKNOWN: Readonly<Record<string, ((host: string, advice: string) => string) | undefined>> = {
  ENOTFOUND: isUnknown,
  ENODATA: isUnknown,
  EAI_AGAIN: (host, advice) =>
    `The name ${host} cannot be looked up at the moment: no name server (DNS) gives an answer. ${advice}`,
  EAI_FAIL: (host, advice) => `The name ${host} cannot be looked up: the name server (DNS) has failed. ${advice}`,
  EINVAL: (host) => `${host} is no name that can be looked up. Check the name, or use its IP address.`,
  ENAMETOOLONG: (host) => `${host} is too long for a host name. Check the name, or use its IP address.`,
};

async function lookUpInProcess(host: string): Promise<string[]> {
  return (await lookUpHere(host, { all: true })).map(({ address }) => address);
}

/** What the other process runs. It prints the addresses, or the code of the failure. */
const PROGRAM = `require('node:dns').lookup(process.argv[1], { all: true }, (error, found) =>
  process.stdout.write(JSON.stringify(error ? { code: error.code } : { addresses: found.map((one) => one.address) })))`;

interface Answer {
  readonly addresses?: readonly string[];
  readonly code?: string;
}

/** Looks the name up in this process where no other one can be started. Rejects when the signal aborts. */
async function lookUpInChild(host: string, signal: AbortSignal): Promise<readonly string[]> {
  const text = await runChild(host, signal);
  if (text === '') return lookUpInProcess(host);
  const { addresses, code } = JSON.parse(text) as Answer;
  if (addresses?.length) return addresses;
  throw Object.assign(new Error('The look-up has failed.'), { code: code ?? 'ENOTFOUND' });
}

/** Resolves with what the process has printed: nothing if it could not be started. */
async function runChild(host: string, signal: AbortSignal): Promise<string> {
  // A program that has Node built in would start itself.
  if (!basename(process.execPath).startsWith('node')) return '';
  const { spawn } = await import('node:child_process');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['-e', PROGRAM, '--', host], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'ignore'],
      // In a group of its own, so that Ctrl-C reaches this process alone.
      detached: true,
      windowsHide: true,
      signal,
      killSignal: 'SIGKILL',
    });
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
    child.on('error', (error) => (signal.aborted ? reject(error) : resolve('')));
    child.on('close', () => resolve(text));
  });
}
