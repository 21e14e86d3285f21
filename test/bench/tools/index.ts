/** Which tools there are, and which of them this machine has. */
import { findProgram } from '../programs.js';
import { ftx, ftxPlain, ftxWithoutSync } from './ftx.js';
import { nc, ncThenSync, tarOverNc } from './nc.js';
import { rsync, rsyncWithFsync } from './rsync.js';
import { scp } from './scp.js';
import { socat } from './socat.js';
import type { Tool } from './tool.js';

const ALL: readonly Tool[] = [
  ftx,
  ftxPlain,
  ftxWithoutSync,
  nc,
  ncThenSync,
  socat,
  rsync,
  rsyncWithFsync,
  scp,
  tarOverNc,
];

export interface Choice {
  readonly tools: readonly Tool[];
  /** Sentences that name the tools which were asked for and cannot run, and why. */
  readonly missing: readonly string[];
}

/** Throws when an id is not known. */
export function chooseTools(ids: readonly string[] | undefined): Choice {
  const unknown = ids?.find((id) => !ALL.some((tool) => tool.id === id));
  if (unknown !== undefined)
    throw new Error(`--tools knows ${ALL.map(({ id }) => id).join(', ')}, but not ${unknown}.`);
  const wanted = ALL.filter(({ id }) => ids?.includes(id) ?? true).map((tool) => ({ tool, reason: whyMissing(tool) }));
  return {
    tools: wanted.filter(({ reason }) => reason === undefined).map(({ tool }) => tool),
    missing: wanted.flatMap(({ tool, reason }) => (reason === undefined ? [] : [`${tool.name}: ${reason}.`])),
  };
}

function whyMissing({ programs, whyUnfit }: Tool): string | undefined {
  const absent = programs.filter((program) => findProgram(program) === undefined);
  return absent.length > 0 ? `${absent.join(' and ')} not installed` : whyUnfit?.();
}
