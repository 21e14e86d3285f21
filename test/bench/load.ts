/** The programs in load/: each is a process of its own that is spoken to in lines. */
import { createInterface } from 'node:readline';
import { start } from './processes.js';
import { loadProgram } from './programs.js';

export interface Load {
  /** The next line it has written; throws when it has ended. */
  read(): Promise<string>;
  /** Lets it begin. */
  go(): void;
  hasEnded(): boolean;
  stop(): Promise<void>;
}

export function startLoad(name: string, args: readonly string[]): Load {
  const running = start({ argv: [...loadProgram(name), ...args], stdin: 'pipe', stdout: 'pipe' });
  const { stdin, stdout } = running.child;
  if (!stdin || !stdout) throw new Error(`${name} has no pipes.`);
  const lines = createInterface(stdout)[Symbol.asyncIterator]();
  return {
    async read() {
      const line = await lines.next();
      if (line.done !== true) return line.value;
      throw new Error(`${name} ended early: ${(await running.ended).stderr}`);
    },
    go: () => void stdin.write('go\n'),
    hasEnded: () => running.hasEnded(),
    stop: () => running.stop(),
  };
}
