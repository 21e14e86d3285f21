/**
 * What the system gives to a process as bytes: arguments and variables. Node
 * shows bytes that are not UTF-8 as U+FFFD, and the text that comes of them
 * names something else.
 */
import { isUtf8 } from 'node:buffer';
import { lstatSync, readFileSync } from 'node:fs';

/** Whether the text of an argument is what was typed. An argument with U+FFFD in it is not, unless the system shows that all arguments are UTF-8. */
export function isExactArgument(text: string): boolean {
  return isExact(text, '/proc/self/cmdline', '');
}

/** Whether the value of a variable is what was set. */
export function isExactVariable(name: string): boolean {
  return isExact(process.env[name] ?? '', '/proc/self/environ', `${name}=`);
}

/** `list`: a file with the bytes, each text ended by a NUL. Only the texts that begin with `prefix` are looked at. */
function isExact(text: string, list: string, prefix: string): boolean {
  if (!text.includes('\ufffd')) return true;
  try {
    return splitAtNul(readFileSync(list)).every((piece) => !piece.toString().startsWith(prefix) || isUtf8(piece));
  } catch {
    return false;
  }
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const pieces = [];
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(0, from);
    const to = end === -1 ? bytes.length : end;
    pieces.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return pieces;
}

/** Whether an argument names something on the disk, whatever it is. */
export function namesSomething(argument: string): boolean {
  try {
    return lstatSync(argument, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // The system takes no such name, or something on the way is no folder.
    return false;
  }
}
