/**
 * Notes of the files and folders that a receiver has opened to itself for the moment: the mode that each of them gets
 * back. A killed receiver gives back none, so the next one does it at its start.
 */
import { chmodSync, readdirSync, readlinkSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from '../../core/errors.js';
import { holdAnything, holdWay, identify, releaseFolder } from '../disk/held-folder.js';
import { findOwner, makeOwnerMark } from '../disk/owner.js';
import { makeOnePrivateFolder } from '../disk/private-folder.js';
import { LEDGER_FOLDER } from './ledger.js';

const ALL_BITS = 0o7777;
const NOTE_PREFIX = '.ftx-open-';
/** It is gone, another one has its name, or it belongs to another user now. */
const GONE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EPERM'];

/** The mode of something that is open. A folder is opened for looking as a whole: to sync one takes the right to list it. */
export function openModeOf(stats: BigIntStats, mode: number, isForWriting: boolean): number {
  if (!stats.isDirectory()) return mode | 0o400;
  return mode | (isForWriting ? 0o700 : 0o500);
}

/** Notes the mode that is to be given back. Returns the path of the note. Throws what the system throws. */
export function noteOpen(root: string, components: readonly string[], stats: BigIntStats, mode: number): string {
  const note = join(root, LEDGER_FOLDER, `${NOTE_PREFIX}${makeOwnerMark()}`);
  // One folder only: a receive folder that is gone is not made again.
  makeOnePrivateFolder(dirname(note));
  // A link has its text at once, or is not there.
  symlinkSync(`${mode.toString(8)} ${identify(stats)} ${components.join('/')}`, note);
  return note;
}

/** Never fails. */
export function removeNote(note: string): void {
  try {
    unlinkSync(note);
    // Without a ledger, nothing else is in the folder.
    rmdirSync(dirname(note));
  } catch {
    // The ledger is in the folder.
  }
}

/** Gives their modes back to what killed receivers have left open below the root, as far as it is within reach. Never fails. */
export function closeLeftOpen(root: string): void {
  for (const { note, mode, identity, components } of readNotes(root)) {
    try {
      giveBack(root, components, identity, mode);
    } catch (error) {
      // What is out of reach for now, such as in a folder that was closed meanwhile, is left to the next receiver.
      if (!GONE.includes(errnoOf(error) ?? '')) continue;
    }
    removeNote(note);
  }
}

interface Note {
  /** The path of the note. */
  readonly note: string;
  readonly mode: number;
  readonly identity: string;
  readonly components: readonly string[];
}

/** What is deepest comes first, because the way to it may have been opened too. */
function readNotes(root: string): Note[] {
  const folder = join(root, LEDGER_FOLDER);
  const names = listFolder(folder).filter((name) => name.startsWith(NOTE_PREFIX));
  // A receiver that runs closes what it has opened.
  const left = names.filter((name) => findOwner(name.slice(NOTE_PREFIX.length)) !== 'alive');
  const notes = left.flatMap((name) => readNote(join(folder, name)));
  return notes.sort((one, other) => other.components.length - one.components.length);
}

function readNote(note: string): Note[] {
  const [, mode, identity, path] = /^([0-7]{1,4}) (\d+:\d+) (.*)$/s.exec(tryReadlink(note)) ?? [];
  if (mode === undefined || identity === undefined || path === undefined) return [];
  return [{ note, mode: parseInt(mode, 8), identity, components: path === '' ? [] : path.split('/') }];
}

function giveBack(root: string, components: readonly string[], identity: string, mode: number): void {
  const parent = holdWay({ root, components: components.slice(0, -1) });
  try {
    const held = holdAnything(`${parent.path}/${components.at(-1) ?? '.'}`);
    try {
      const now = Number(held.stats.mode) & ALL_BITS;
      // Its owner may have given it another mode meanwhile.
      const isLeftOpen = [true, false].some((isForWriting) => now === openModeOf(held.stats, mode, isForWriting));
      if (isLeftOpen && identify(held.stats) === identity) chmodSync(held.path, mode);
    } finally {
      held.release();
    }
  } finally {
    releaseFolder(parent);
  }
}

function tryReadlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
