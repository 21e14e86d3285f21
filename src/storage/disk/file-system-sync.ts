/**
 * Writes everything that waits in memory for one file system to its disk: syncfs(2). Node has no call for it, and
 * sync(1) opens the file system after the files were written, so it misses an error that another process has been told
 * of meanwhile. Here a small helper process calls it, on a descriptor that this process has opened before.
 *
 * Why no error gets lost: a file system counts the failures to write its data (Linux 5.8 and later), and each open
 * descriptor remembers up to which of them it was told. The descriptor is opened before the first file that counts on it,
 * so each call tells of every failure since, whoever else was told. A failure of somebody else's file is told as well: the
 * caller then syncs its files one by one, each on the descriptor with which it was written.
 */
import { closeSync, constants, existsSync, openSync, statfsSync } from 'node:fs';
import { release } from 'node:os';

export interface FileSystemSync {
  /** Resolves once everything written before the call is on the disk. Throws what the system throws, and where there is no helper. */
  sync(): Promise<void>;
  /** Whether sync() is worth a try. */
  isAvailable(): boolean;
  /** Ends the helper, and leaves the disk, so that it can be unmounted. A sync that is under way fails. */
  close(): void;
}

/** The numbers by which Linux calls ext4, XFS and Btrfs: the file systems that are known to count their failures. */
const COUNTING = [0xef53, 0x58465342, 0x9123683e];
/** The number of the system call. */
const CALL_NUMBERS: Partial<Record<NodeJS.Architecture, number>> = { x64: 306, arm64: 267, riscv64: 267 };
/** Of the helper. */
const DESCRIPTOR = 3;

/** Each helper reads a byte, syncs, and prints the number of the error, 0 for none. It ends when its input ends. */
const PERL = `$| = 1; while (sysread STDIN, $byte, 1) { print syscall($ARGV[0], ${DESCRIPTOR}) ? $! + 0 : 0, "\\n" }`;
const PYTHON = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
while os.read(0, 1):
    os.write(1, b"%d\\n" % (ctypes.get_errno() if libc.syncfs(${DESCRIPTOR}) else 0))`;

/** The helper: a program and its arguments. */
type Command = readonly [string, ...string[]];

/** Undefined where failures could get lost, and where there is nothing to call it with. `folder`: a path on the file system. */
export function openFileSystemSync(folder: string, command = findHelper()): FileSystemSync | undefined {
  if (!command) return undefined;
  let fd: number | undefined;
  try {
    fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    if (COUNTING.includes(statfsSync(folder).type)) return createSync(command, fd);
  } catch {
    // Whoever may not list the folder syncs each file by itself.
  }
  if (fd !== undefined) closeQuietly(fd);
  return undefined;
}

/** Nothing was written with the descriptor, so a failure takes nothing. */
function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The descriptor is free all the same.
  }
}

function findHelper(): Command | undefined {
  if (process.platform !== 'linux' || !isSince(release(), [5, 8])) return undefined;
  const number = CALL_NUMBERS[process.arch];
  if (number !== undefined && existsSync('/usr/bin/perl')) return ['/usr/bin/perl', '-e', PERL, String(number)];
  return existsSync('/usr/bin/python3') ? ['/usr/bin/python3', '-I', '-S', '-c', PYTHON] : undefined;
}

/** Whether the kernel's version is at least this one. */
export function isSince(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, ofMajor = 0, ofMinor = 0] = (/^(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  return ofMajor > major || (ofMajor === major && ofMinor >= minor);
}

function createSync([program, ...args]: Command, fd: number): FileSystemSync {
  let helper: Promise<Helper | undefined> | undefined;
  let isBroken = false;

  return {
    isAvailable: () => !isBroken,
    async sync() {
      const started = await (helper ??= startHelper(program, args, fd).catch(() => undefined));
      const answer = await started?.ask();
      if (answer === '0\n') return;
      isBroken ||= answer === undefined || !/^\d+\n$/.test(answer);
      throw new Error(`The file system was not synchronised: ${answer ?? 'there is no helper'}.`);
    },
    close() {
      isBroken = true;
      closeQuietly(fd);
      void helper?.then((started) => started?.end());
    },
  };
}

interface Helper {
  /** Has the helper sync, and resolves with what it prints: nothing once it is gone. */
  ask(): Promise<string>;
  end(): void;
}

async function startHelper(program: string, args: readonly string[], fd: number): Promise<Helper> {
  const { spawn } = await import('node:child_process');
  const child = spawn(program, args, {
    env: {},
    stdio: ['pipe', 'pipe', 'ignore', fd],
    // In a group of its own, so that Ctrl-C does not end it while files wait for it.
    detached: true,
  });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error('The helper has no input or output.');
  let isGone = false;
  let onAnswer: ((answer: string) => void) | undefined;
  const answer = (text: string): void => {
    onAnswer?.(text);
    onAnswer = undefined;
  };
  const end = (): void => {
    isGone = true;
    answer('');
  };
  child.on('error', end).on('close', end);
  stdin.on('error', end);
  stdout.setEncoding('latin1').on('data', answer);
  // While no file waits, the helper keeps nobody from leaving; it ends with this process.
  const streams = [child, stdin, stdout] as readonly { ref?(): void; unref?(): void }[];
  for (const one of streams) one.unref?.();
  const ask = () =>
    new Promise<string>((resolve) => {
      if (isGone) return resolve('');
      for (const one of streams) one.ref?.();
      onAnswer = (text) => {
        for (const one of streams) one.unref?.();
        resolve(text);
      };
      stdin.write('s');
    });
  return {
    ask,
    end() {
      stdin.end();
      // A helper that does not answer, as one that was stopped, would keep this process from leaving.
      if (onAnswer) child.kill('SIGKILL');
    },
  };
}
