// What `npm run demo` shows: a receiver, a sender, and the comparison of every file they moved.
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { cp, lstat, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MIB = 1024 * 1024;
const LARGE_MIB = 256;
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const fixtures = fileURLToPath(new URL('../fixtures/files', import.meta.url));

/** A file that is large enough to watch, and that no compression or sparse file makes smaller. */
async function makeLarge(path) {
  const file = await open(path, 'w');
  const block = randomFillSync(Buffer.alloc(MIB));
  try {
    for (let i = 0; i < LARGE_MIB; i++) {
      block.writeUInt32BE(i, 0);
      await file.write(block);
    }
  } finally {
    await file.close();
  }
}

/** Resolves with the port once the receiver says that it listens. */
async function listening(receiver) {
  for await (const line of createInterface(receiver.stdout)) {
    const event = JSON.parse(line);
    if (event.type === 'listening') {
      // Nothing else is of interest, but an unread pipe would fill up.
      receiver.stdout.resume();
      return event.port;
    }
  }
  throw new Error('the receiver ended before it listened');
}

/** Bytes compared; throws at the first difference. */
async function compareFiles(sent, received) {
  const [a, b] = await Promise.all([open(sent), open(received)]);
  const [mine, theirs] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];
  let at = 0;
  try {
    for (;;) {
      const { bytesRead } = await a.read(mine, 0, MIB, at);
      const other = await b.read(theirs, 0, MIB, at);
      if (bytesRead !== other.bytesRead || mine.compare(theirs, 0, bytesRead, 0, bytesRead) !== 0) {
        throw new Error(`${received} differs from ${sent} after byte ${at}`);
      }
      if (bytesRead === 0) return at;
      at += bytesRead;
    }
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

/** Compares every file below both folders, and that there is no other. */
async function compareFolders(sent, received) {
  const names = (await readdir(sent, { recursive: true })).sort();
  const others = (await readdir(received, { recursive: true })).sort();
  if (names.join('\n') !== others.join('\n')) {
    throw new Error(`sent were:\n${names.join('\n')}\nreceived are:\n${others.join('\n')}`);
  }
  const total = { files: 0, bytes: 0 };
  for (const name of names) {
    if (!(await lstat(join(sent, name))).isFile()) continue;
    const bytes = await compareFiles(join(sent, name), join(received, name));
    const [before, after] = await Promise.all([stat(join(sent, name)), stat(join(received, name))]);
    if (before.mode !== after.mode) throw new Error(`${name} has another mode`);
    console.log(`  identical  ${String(bytes).padStart(9)} bytes  ${name}`);
    total.files += 1;
    total.bytes += bytes;
  }
  return total;
}

const scratch = await mkdtemp(join(tmpdir(), 'ftx-demo-'));
// The demo meets itself only, and leaves no trace in the list of known peers.
process.env.FTX_HOME = join(scratch, 'home');
const dir = join(scratch, 'received');
const outbox = join(scratch, 'to send');
let receiver;
// Ctrl-C reaches both programs too: they end, and so does the demo, in order.
process.on('SIGINT', () => undefined);
try {
  console.log(`1. A folder to send: fixtures/files and a file of ${LARGE_MIB} MiB.`);
  await cp(fixtures, outbox, { recursive: true });
  await makeLarge(join(outbox, 'large.bin'));

  console.log('\n2. ftx receive, on a free port:');
  receiver = spawn(process.execPath, [cli, 'receive', '--dir', dir, '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await listening(receiver);

  const paths = (await readdir(outbox)).map((name) => join(outbox, name));
  console.log(`\n3. ftx send ${paths.length} files and folders --to localhost:${port}`);
  const sender = spawn(process.execPath, [cli, 'send', ...paths, '--to', `localhost:${port}`], { stdio: 'inherit' });
  const [status] = await once(sender, 'exit');
  if (status !== 0) throw new Error(`ftx send ended with exit status ${status}`);

  console.log('\n4. Every file compared, byte for byte:');
  const { files, bytes } = await compareFolders(outbox, dir);
  console.log(`\nVerified: ${files} files, ${bytes} bytes, all identical with the same names and modes, and no other.`);
} catch (error) {
  console.error(`\nThe demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  if (receiver?.exitCode === null) {
    receiver.kill('SIGTERM');
    await once(receiver, 'exit');
  }
  await rm(scratch, { recursive: true, force: true });
}
