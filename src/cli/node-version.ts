/** Which Node ftx runs on. */
import { OLDEST_NODE, TESTED_NODES, VERSION } from '../core/version.js';

/** For `ftx --version`: the version alone on its line, then the Node that runs it and those it is made for. */
export function describeVersion(node: string): string {
  const [last, ...others] = [...TESTED_NODES].reverse();
  const tested = `${others.reverse().join(', ')} and ${last ?? ''}`;
  return `${VERSION}\nruns on Node ${node}; supported are Node ${OLDEST_NODE} and newer, tested are ${tested}`;
}

/** What to tell somebody whose Node is too old; undefined when it is not. */
export function describeOldNode(node: string): string | undefined {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split('.').map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `ftx: Node ${node} is too old: ftx needs Node ${OLDEST_NODE} or newer.`;
}
