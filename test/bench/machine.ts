/** On what all this was measured. */
import { readFileSync, realpathSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the scratch folder, like `ext4 on /dev/vda`. */
  readonly fileSystem: string;
}

export function describeMachine(scratch: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown CPU',
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: `${type()} ${release()}`,
    node: process.version,
    fileSystem: findFileSystem(readFileSync('/proc/mounts', 'utf8'), realpathSync(scratch)),
  };
}

export function formatMachine({ cpu, cores, memoryGb, kernel, node, fileSystem }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GB of memory, ${kernel}, Node ${node}; scratch folder on ${fileSystem}; loopback`;
}

/** Finds in the text of /proc/mounts where an absolute path without links lies. */
export function findFileSystem(mounts: string, path: string): string {
  const holders = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(
      ([, folder]) => folder !== undefined && `${path}/`.startsWith(folder.endsWith('/') ? folder : `${folder}/`),
    );
  // Of two mounts on one folder the later one hides the other.
  const [device, , kind] = holders.reduce((best, line) => (line[1]!.length >= best[1]!.length ? line : best), ['', '']);
  return kind === undefined ? 'an unknown file system' : `${kind} on ${device}`;
}
