/** A folder with names of any bytes, as text. */
import { readdirSync, readFileSync } from 'node:fs';

/** Each file below the folder with its content, sorted: `a/b: content`. Leaves out what a receiver keeps for itself. Bytes that are not UTF-8 are shown as `\xe9`. */
export function listTree(dir: string): string[] {
  const below = (folder: Buffer, path: string): string[] =>
    readdirSync(folder, { encoding: 'buffer', withFileTypes: true }).flatMap((found) => {
      const name = found.name as unknown as Buffer;
      const file = Buffer.concat([folder, Buffer.from('/'), name]);
      const shown = `${path}${name.toString('latin1').replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`)}`;
      if (name.toString().startsWith('.ftx-')) return [];
      if (found.isDirectory()) return below(file, `${shown}/`);
      return found.isFile() ? [`${shown}: ${readFileSync(file, 'utf8').trim()}`] : [shown];
    });
  return below(Buffer.from(dir), '').sort();
}
