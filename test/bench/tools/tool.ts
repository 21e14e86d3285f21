import type { Command } from '../processes.js';

/** A large file or a folder of small ones. */
export type Kind = 'file' | 'tree';

/** What of it is on the disk when the tool says that it is done: content and names, content, or what the system has written by then. */
export type Durability = 'yes' | 'content' | 'no';

/** Where one tool does its work. */
export interface Site {
  /** For its settings and keys. */
  readonly dir: string;
  /** Where everything arrives. */
  readonly inbox: string;
}

/** The name of a tool in another build of it. */
export const otherBuildOf = (name: string): string => `${name} (other build)`;

/** One way to bring files to the other end of a TCP connection on loopback. */
export interface Tool {
  /** For --tools. */
  readonly id: string;
  /** For the tables. */
  readonly name: string;
  readonly takes: readonly Kind[];
  readonly durable: Durability;
  /** What must be installed. */
  readonly programs: readonly string[];
  /** Why it cannot be used although all is installed. */
  readonly whyUnfit?: () => string | undefined;
  /** The program that receives from all senders, and is running before they start. */
  readonly daemon?: (site: Site, port: number) => Promise<Command>;
  /** The daemon leaves the work to children, whose memory nobody sees once they have ended. */
  readonly forks?: true;
  /** Without a daemon: the program that receives from one sender, and then ends. */
  readonly receiver?: (source: string, site: Site, port: number) => Command;
  readonly sender: (source: string, site: Site, port: number) => Command;
}
