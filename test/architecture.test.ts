import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** Which rooms each room may import from. A room that is divided has its parts here too. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'index.ts': ['client', 'mailbox', 'home', 'core'],
  cli: ['cli/commands', 'cli/screen', 'client', 'mailbox', 'home', 'core'],
  'cli/commands': ['cli', 'cli/screen', 'client', 'mailbox', 'home', 'core'],
  'cli/screen': ['core'],
  client: [
    'session',
    'session/send',
    'session/classic',
    'protocol',
    'net',
    'home',
    'storage/source',
    'identity',
    'core',
  ],
  mailbox: [
    ...['session', 'session/receive', 'session/classic', 'protocol', 'net', 'home'],
    ...['storage/inbox', 'storage/names', 'storage/disk', 'identity', 'core'],
  ],
  session: ['protocol', 'core'],
  'session/send': ['session', 'protocol', 'core'],
  'session/receive': ['session', 'protocol', 'core'],
  'session/classic': ['session', 'protocol', 'core'],
  home: ['storage/disk', 'identity', 'core'],
  'storage/inbox': ['storage/names', 'storage/disk', 'core'],
  'storage/source': ['storage/names', 'storage/disk', 'core'],
  'storage/names': ['storage/disk', 'core'],
  'storage/disk': ['core'],
  net: ['identity', 'core'],
  protocol: ['core'],
  identity: ['core'],
  core: [],
};

/** The only rooms that may use these modules of Node. */
const MAY_USE: Record<string, readonly string[]> = {
  'node:fs': ['storage', 'home'],
  'node:fs/promises': ['storage', 'home'],
  'node:net': ['net'],
  'node:tls': ['net'],
  'node:http': ['http'],
  'node:https': ['http'],
  'node:dgram': ['discovery'],
  'node:child_process': ['net', 'storage/disk'],
  'node:worker_threads': ['storage/disk'],
};

/** Rooms that also run in a browser. */
const PORTABLE = ['core', 'protocol', 'session/send', 'session'];
/** What a browser does not have. */
const OF_NODE = /'node:|\bBuffer\b|\bprocess\b|\bNodeJS\./;

interface Module {
  /** Path below src. */
  readonly file: string;
  readonly text: string;
}

const modules: readonly Module[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), 'utf8') }));

/** `session/send/sender.ts` lies in `session/send`, and `session/tally.ts` in `session`. */
const roomOf = (file: string) => (file.includes('/') ? dirname(file) : file);
const isIn = (room: string, rooms: readonly string[]) =>
  rooms.some((one) => room === one || room.startsWith(`${one}/`));

function importsOf({ text }: Module): string[] {
  return [...text.matchAll(/(?:from|import\(|import)\s*'([^']+)'/g)].map(([, module]) => module!);
}

/** The files of src that a file imports. */
function filesOf(module: Module): string[] {
  const inner = importsOf(module).filter((name) => name.startsWith('.'));
  return inner.map((name) => normalize(join(dirname(module.file), name)).replace(/\.js$/, '.ts'));
}

function findForbiddenArrows(module: Module): string[] {
  const own = roomOf(module.file);
  const allowed = [own, ...(MAY_IMPORT[own] ?? [])];
  return filesOf(module).filter((file) => !allowed.includes(roomOf(file)));
}

function findForbiddenModules(module: Module): string[] {
  return importsOf(module).filter((name) => MAY_USE[name] && !isIn(roomOf(module.file), MAY_USE[name]));
}

/** Lines of code, not of comments, that only Node runs. */
function findNodeCode(module: Module): string[] {
  if (!PORTABLE.includes(roomOf(module.file))) return [];
  const code = module.text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return code.split('\n').filter((line) => OF_NODE.test(line));
}

/** The files of one import circle in order, or undefined if there is none. */
function findCircle(all: readonly Module[]): string[] | undefined {
  const imports = new Map(all.map((module) => [module.file, filesOf(module)]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const { file } of all) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
  return undefined;
}

describe('the rooms of src', () => {
  it('are all in the list, and the list has no others', () => {
    expect([...new Set(modules.map(({ file }) => roomOf(file)))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it('have nothing but index.ts beside them', () => {
    expect(modules.filter(({ file }) => !file.includes('/')).map(({ file }) => file)).toEqual(['index.ts']);
  });

  it.each(modules)('$file imports only what its room may import', (module) => {
    expect(findForbiddenArrows(module)).toEqual([]);
  });

  it.each(modules)('$file uses files and the network only where its room may', (module) => {
    expect(findForbiddenModules(module)).toEqual([]);
  });

  it.each(modules.filter(({ file }) => PORTABLE.includes(roomOf(file))))('$file runs in a browser too', (module) => {
    expect(findNodeCode(module)).toEqual([]);
  });

  it('have no import circle', () => {
    expect(findCircle(modules)).toBeUndefined();
  });
});

describe('a planted import is found', () => {
  it.each([
    ['core/planted.ts', "import { x } from '../protocol/codec.js';"],
    ['protocol/planted.ts', "export { x } from '../session/tally.js';"],
    ['session/send/planted.ts', "import { x } from '../receive/receiver.js';"],
    ['storage/source/planted.ts', "const x = await import('../inbox/place.js');"],
    ['cli/screen/planted.ts', "import type { x } from '../commands/send.js';"],
    ['client/planted.ts', "import '../mailbox/mailbox.js';"],
  ])('in %s: an arrow that is not allowed, by %s', (file, text) => {
    expect(findForbiddenArrows({ file, text })).toHaveLength(1);
  });

  it.each([
    ['net/planted.ts', "import { open } from 'node:fs/promises';"],
    ['storage/disk/planted.ts', "import { connect } from 'node:net';"],
    ['client/planted.ts', "const tls = await import('node:tls');"],
    ['mailbox/planted.ts', "import { spawn } from 'node:child_process';"],
  ])('in %s: a module of Node that is not allowed, by %s', (file, text) => {
    expect(findForbiddenModules({ file, text })).toHaveLength(1);
  });

  it.each([
    ['core/planted.ts', "import { createHash } from 'node:crypto';"],
    ['protocol/planted.ts', 'const bytes = Buffer.alloc(4);'],
    ['session/planted.ts', 'process.nextTick(flush);'],
    ['session/send/planted.ts', 'let timer: NodeJS.Timeout | undefined;'],
  ])('in %s: code that no browser runs, by %s', (file, text) => {
    expect(findNodeCode({ file, text })).toEqual([text]);
  });

  it('in three files that import each other in a circle', () => {
    const circle = [
      { file: 'core/a.ts', text: "import { b } from './b.js';" },
      { file: 'core/b.ts', text: "import type { c } from '../net/c.js';" },
      { file: 'net/c.ts', text: "export * from '../core/a.js';" },
    ];
    expect(findCircle(circle)).toEqual(['core/a.ts', 'core/b.ts', 'net/c.ts', 'core/a.ts']);
  });
});

it('loads what pairs only where two pair', () => {
  const users = modules.filter((module) => /opaque|identity\/pake|\.\/pake/.test(importsOf(module).join()));
  expect(users.map(({ file }) => file).sort()).toEqual(['client/trust.ts', 'identity/pake.ts', 'mailbox/gate.ts']);
  for (const { text } of users.filter(({ file }) => file !== 'identity/pake.ts')) {
    expect(text).not.toMatch(/from '[^']*pake/);
  }
});
