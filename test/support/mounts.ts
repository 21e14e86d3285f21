/** Disks of a test's own. They take root, and Linux. */
import { execFile } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { onTestFinished, type TestContext } from 'vitest';
import { tempDir } from './folders.js';
import { skipTest } from './skips.js';

const run = promisify(execFile);

/** A file system in memory, mounted with these options (`size=8m`, `nr_inodes=10`) until the test ends. */
export async function mountMemory(context: TestContext, options: string): Promise<string> {
  const dir = join(await tempDir(), 'disk');
  await mountMemoryAt(context, dir, options);
  return dir;
}

export async function remount(dir: string, options: string): Promise<void> {
  await run('mount', ['-o', `remount,${options}`, dir]);
}

async function unmount(dir: string): Promise<void> {
  await run('umount', ['-l', dir]).catch(() => undefined);
}

/** Mounts a file system in memory at this folder, which is made, until the test ends. */
export async function mountMemoryAt(context: TestContext, dir: string, options: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', options, 'ftx-test', dir]);
  } catch (error) {
    skipTest(context, `a disk cannot be mounted here: ${firstLine(error)}`);
  }
  onTestFinished(() => unmount(dir));
}

/** A disk of `mkfs.ext4` with these arguments, mounted until the test ends. */
export async function mountExt4(context: TestContext, mib: number, args: readonly string[]): Promise<string> {
  const [dir, image] = [join(await tempDir(), 'disk'), join(await tempDir(), 'image')];
  await mkdir(dir);
  await writeFile(image, '');
  await truncate(image, mib * 1024 * 1024);
  try {
    await run('mkfs.ext4', ['-q', ...args, image]);
    await run('mount', ['-o', 'loop', image, dir]);
  } catch (error) {
    skipTest(context, `an ext4 disk cannot be made here: ${firstLine(error)}`);
  }
  onTestFinished(() => unmount(dir));
  return dir;
}

export type FileSystem = 'ext4' | 'xfs';

export interface Disk {
  /** Where it is mounted. */
  readonly dir: string;
  /** The power fails: what is not on the disk now never comes there. Until `restore` everything fails. */
  cut(): Promise<void>;
  /** The power is back. Whoever used the disk must have left it. */
  restore(): Promise<void>;
}

/** Shuts the file system down without writing its log, as the ioctl that ext4 and XFS share does: EXT4_IOC_SHUTDOWN. */
const CUT = `
import fcntl, os, struct, sys
NO_LOG_FLUSH = 2
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", NO_LOG_FLUSH))`;

/** Sparse; mkfs.xfs makes none of less than 300 MiB. */
const DISK_BYTES = 512 * 1024 * 1024;

/** A disk whose power can be cut. */
export async function mountDisk(context: TestContext, kind: FileSystem): Promise<Disk> {
  const image = await mountImage(context, `mkfs.${kind}`, '-q');
  try {
    await run('python3', ['--version']);
  } catch (error) {
    skipTest(context, `the power of a disk cannot be cut here: ${firstLine(error)}`);
  }
  const { dir } = image;
  return {
    dir,
    async cut() {
      await run('python3', ['-c', CUT, dir]);
    },
    async restore() {
      await image.take();
      await image.giveBack();
    },
  };
}

export interface Image {
  /** Where it is mounted. */
  readonly dir: string;
  /** Takes the disk away, also while somebody uses it if `isLazy`. */
  take(isLazy?: boolean): Promise<void>;
  /** Mounts the same disk again. */
  giveBack(): Promise<void>;
}

/** A disk in a file, made by this command and mounted until the test ends. */
export async function mountImage(context: TestContext, make: string, ...args: string[]): Promise<Image> {
  const [dir, image] = [join(await tempDir(), 'disk'), join(await tempDir(), 'image')];
  await mkdir(dir);
  await writeFile(image, '');
  await truncate(image, DISK_BYTES);
  const giveBack = async (): Promise<void> => {
    await run('mount', ['-o', 'loop', image, dir]);
  };
  try {
    await run(make, [...args, image]);
    await giveBack();
  } catch (error) {
    skipTest(context, `such a disk cannot be made here: ${firstLine(error)}`);
  }
  onTestFinished(() => unmount(dir));
  return {
    dir,
    giveBack,
    async take(isLazy = false) {
      if (isLazy) return unmount(dir);
      // A helper of a killed receiver ends a moment after it, and a mount namespace of another test may have the disk too.
      await until(() => run('umount', [dir]).then(() => true, isNotBusy));
      await until(async () => (await run('losetup', ['-j', image])).stdout === '');
    },
  };
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await setTimeout(50);
}

function isNotBusy(error: unknown): boolean {
  if (/busy/.test(String(error))) return false;
  throw error;
}

function firstLine(error: unknown): string {
  return error instanceof Error
    ? (error.message.split('\n').find((line) => !line.startsWith('Command failed')) ?? error.message)
    : String(error);
}
