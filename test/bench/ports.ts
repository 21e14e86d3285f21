/** Ports on loopback. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const HOST = '127.0.0.1';
const LISTEN_MS = 10_000;
const POLL_MS = 2;
/** State LISTEN in /proc/net/tcp. */
const LISTEN = '0A';

/** Different ones that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, HOST));
  // All are taken before the first is given back, or it could be handed out twice.
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** Waits without connecting: `nc -l` serves the first caller, whoever it is. */
export async function untilListening(ports: readonly number[], hasFailed: () => boolean): Promise<void> {
  const deadline = performance.now() + LISTEN_MS;
  while (!areListening(ports)) {
    if (hasFailed()) throw new Error('The receiver ended before it listened.');
    if (performance.now() > deadline) throw new Error(`Nothing listens on port ${ports.join(', ')}.`);
    await sleep(POLL_MS);
  }
}

function areListening(ports: readonly number[]): boolean {
  const listening = parseListening(readFileSync('/proc/net/tcp', 'utf8'));
  return ports.every((port) => listening.has(port));
}

/** The second column is `address:port` in hex, the fourth the state. */
function parseListening(text: string): Set<number> {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/));
  const ports = rows.filter((row) => row[3] === LISTEN).map((row) => row[1]?.split(':')[1] ?? '');
  return new Set(ports.map((port) => Number.parseInt(port, 16)));
}
