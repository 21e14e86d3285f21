import { expect, it } from 'vitest';
import { findFileSystem } from './machine.js';
import { parseOptions } from './options.js';
import { parseReport, readCpuSeconds, readPeakBytes } from './usage.js';

it('options have defaults, and quick ones', () => {
  expect(parseOptions([])).toMatchObject({ works: ['file', 'tree', 'tiny', 'senders', 'crowd', 'slow'], rounds: 7 });
  expect(parseOptions(['--long'])).toMatchObject({ works: expect.arrayContaining(['size', 'count']) as unknown });
  expect(parseOptions(['--quick', '--only', 'size,file'])).toMatchObject({ works: ['size', 'file'], rounds: 2 });
  expect(parseOptions(['-h'])).toBe('help');
});

it('two builds meet in the works in which any tool can run', () => {
  const works = ['file', 'tree', 'tiny', 'senders'];
  expect(parseOptions(['--against', 'dist', '--long'])).toMatchObject({ against: 'dist', works });
  expect(parseOptions(['--against', 'dist', '--only', 'tiny'])).toMatchObject({ works: ['tiny'] });
  expect(() => parseOptions(['--against', 'dist', '--only', 'tiny,slow'])).toThrow(
    '--against runs file, tree, tiny, senders, but not slow.',
  );
});

it.each([['--rounds', '0'], ['--rounds', 'x'], ['--only', 'files'], ['--unknown']])('%s %s is refused', (...argv) => {
  expect(() => parseOptions(argv)).toThrow(argv[0]);
});

it('what GNU time reports is in its last line', () => {
  expect(parseReport('0.50 1.25 2048\n')).toEqual({ cpuSeconds: 1.75, peakBytes: 2048 * 1024 });
  expect(parseReport('Command exited with non-zero status 3\n0.00 0.01 100\n')).toMatchObject({ cpuSeconds: 0.01 });
  expect(parseReport('')).toBeUndefined();
});

it('the use of a running process is known', () => {
  expect(readCpuSeconds(process.pid)).toBeGreaterThan(0);
  expect(readPeakBytes(process.pid)).toBeGreaterThan(10e6);
});

it('a folder lies on the file system that is mounted closest to it', () => {
  const mounts = '/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmpx xfs rw 0 0\n';
  expect(findFileSystem(mounts, '/tmp/a')).toBe('tmpfs on tmpfs');
  expect(findFileSystem(mounts, '/tmpx')).toBe('xfs on /dev/vdb');
  expect(findFileSystem(mounts, '/home/me')).toBe('ext4 on /dev/vda');
});
