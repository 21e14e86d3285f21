/** Which tools there are, and which of them this machine has. */
import { findBuild, findProgram } from '../programs.js';
import { ftx, ftxPlain, ftxWithoutSync, ofOtherBuild } from './ftx.js';
import { nc, ncThenSync, tarOverNc } from './nc.js';
import { rsync, rsyncWithFsync } from './rsync.js';
import { scp } from './scp.js';
import { socat } from './socat.js';
import { otherBuildOf, type Tool } from './tool.js';

const OURS: readonly Tool[] = [ftx, ftxPlain, ftxWithoutSync];
const ALL: readonly Tool[] = [...OURS, nc, ncThenSync, socat, rsync, rsyncWithFsync, scp, tarOverNc];

export interface Choice {
  readonly tools: readonly Tool[];
  /** Sentences that name the tools which were asked for and cannot run, and why. */
  readonly missing: readonly string[];
}

/** Throws when an id is not known. */
export function chooseTools(ids: readonly string[] | undefined): Choice {
  return splitByFitness(findTools(ALL, ids));
}

/** Some of the variants of ftx, by default the plain `ftx`, each followed by that of the build in the folder `against`. */
export function chooseBuilds(ids: readonly string[] = ['ftx'], against: string): Choice {
  const others = ofOtherBuild(findBuild(against));
  const chosen = findTools(OURS, ids);
  return splitByFitness(
    chosen.flatMap((tool) => [tool, ...others.filter(({ name }) => name === otherBuildOf(tool.name))]),
  );
}

function findTools(known: readonly Tool[], ids: readonly string[] | undefined): readonly Tool[] {
  const unknown = ids?.find((id) => !known.some((tool) => tool.id === id));
  if (unknown !== undefined)
    throw new Error(`--tools knows ${known.map(({ id }) => id).join(', ')} here, but not ${unknown}.`);
  return known.filter(({ id }) => ids?.includes(id) ?? true);
}

function splitByFitness(tools: readonly Tool[]): Choice {
  const wanted = tools.map((tool) => ({ tool, reason: whyMissing(tool) }));
  return {
    tools: wanted.filter(({ reason }) => reason === undefined).map(({ tool }) => tool),
    missing: wanted.flatMap(({ tool, reason }) => (reason === undefined ? [] : [`${tool.name}: ${reason}.`])),
  };
}

function whyMissing({ programs, whyUnfit }: Tool): string | undefined {
  const absent = programs.filter((program) => findProgram(program) === undefined);
  return absent.length > 0 ? `${absent.join(' and ')} not installed` : whyUnfit?.();
}
