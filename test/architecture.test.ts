import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** Who may import whom: each layer and the layers below it. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'index.ts': ['send.ts', 'receive.ts', 'peers.ts', 'identity', 'ports.ts', 'errors.ts'],
  cli: ['defaults.ts', 'send.ts', 'receive.ts', 'peers.ts', 'identity', 'ports.ts', 'errors.ts', 'version.ts'],
  'send.ts': ['defaults.ts', 'trust.ts', 'identity', 'session', 'protocol', 'net', 'storage', 'ports.ts', 'errors.ts'],
  'receive.ts': ['defaults.ts', 'mailbox.ts', 'access.ts', 'receive-options.ts', 'net', 'storage', 'identity', 'ports.ts', 'errors.ts'],
  'mailbox.ts': ['defaults.ts', 'access.ts', 'receive-options.ts', 'session', 'protocol', 'net', 'storage', 'identity', 'ports.ts', 'errors.ts'],
  'defaults.ts': ['protocol'],
  'trust.ts': ['session', 'protocol', 'net', 'storage', 'identity', 'ports.ts', 'errors.ts'],
  'receive-options.ts': ['storage', 'ports.ts'],
  'access.ts': ['session', 'protocol', 'net', 'storage', 'identity', 'ports.ts', 'errors.ts'],
  'peers.ts': ['net', 'storage', 'identity', 'ports.ts', 'errors.ts'],
  session: ['protocol', 'checksum.ts', 'unread.ts', 'ports.ts', 'errors.ts', 'version.ts'],
  protocol: ['checksum.ts', 'ports.ts', 'errors.ts'],
  net: ['identity', 'unread.ts', 'ports.ts', 'errors.ts'],
  storage: ['identity', 'ports.ts', 'errors.ts'],
  'checksum.ts': [],
  'unread.ts': ['ports.ts'],
  'ports.ts': ['identity', 'figures.ts', 'errors.ts'],
  'figures.ts': [],
  identity: ['errors.ts'],
  'errors.ts': [],
  'version.ts': [],
};
/** The only places that touch files, and the network. */
const MAY_USE: Record<string, readonly string[]> = {
  'node:fs': ['storage'],
  'node:fs/promises': ['storage'],
  'node:net': ['net'],
  'node:tls': ['net'],
};

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const layerOf = (file: string) => file.split('/')[0]!;

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, module]) => module!);
}

describe.each(files)('%s', (file) => {
  const own = layerOf(file);

  it('imports only layers below its own', () => {
    const inner = importsOf(file).filter((module) => module.startsWith('.'));
    const layers = inner.map((module) => layerOf(normalize(join(dirname(file), module)).replace(/\.js$/, '.ts')));
    const allowed = [own, ...(MAY_IMPORT[own] ?? [])];
    expect(layers.filter((layer) => !allowed.includes(layer))).toEqual([]);
  });

  it('touches files and network only where they belong', () => {
    const used = importsOf(file).filter((module) => MAY_USE[module] && !MAY_USE[module].includes(own));
    expect(used).toEqual([]);
  });
});

it('loads what pairs only where two pair', () => {
  const users = files.filter((file) => /opaque|identity\/pake|\.\/pake/.test(importsOf(file).join()));
  expect(users.sort()).toEqual(['access.ts', 'identity/pake.ts', 'trust.ts']);
  for (const file of users.filter((user) => user !== 'identity/pake.ts')) {
    expect(readFileSync(join(SRC, file), 'utf8')).not.toMatch(/from '[^']*pake/);
  }
});

it('knows every layer there is', () => {
  expect([...new Set(files.map(layerOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
});
