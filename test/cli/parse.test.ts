import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  parseCount,
  parseDirMode,
  parseFileMode,
  parseListenPort,
  parseSecondsAsMs,
  parseSize,
} from '../../src/cli/parse.js';

describe('parseSize', () => {
  it.each([
    ['0', 0],
    ['1024', 1024],
    ['1k', 1024],
    ['10K', 10_240],
    ['500M', 500 * 1024 ** 2],
    ['10G', 10 * 1024 ** 3],
    ['10GiB', 10 * 1024 ** 3],
    ['10gib', 10 * 1024 ** 3],
    ['1.5G', 1.5 * 1024 ** 3],
    ['2T', 2 * 1024 ** 4],
    ['1P', 1024 ** 5],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    '',
    ' ',
    '-1',
    '+1',
    'G',
    '10GB',
    '10 G',
    '1e3',
    '0x10',
    '1,5G',
    '.5G',
    '1..5',
    'Infinity',
    '9007199254740992',
    '10000P',
  ])('refuses "%s"', (text) => {
    expect(() => parseSize(text)).toThrow(InvalidArgumentError);
  });
});

describe('parseListenPort', () => {
  it.each([
    ['0', 0],
    ['6000', 6000],
    ['65535', 65_535],
  ])('takes %s', (text, port) => {
    expect(parseListenPort(text)).toBe(port);
  });

  it.each(['', '65536', '-1', '80.5', 'http', '0x50', ' 80', '99999999999999999999'])('refuses "%s"', (text) => {
    expect(() => parseListenPort(text)).toThrow(InvalidArgumentError);
  });
});

describe('a mode', () => {
  it.each([
    [parseFileMode, '664', 0o664],
    [parseFileMode, '0600', 0o600],
    [parseDirMode, '775', 0o775],
    [parseDirMode, '700', 0o700],
  ])('%o takes %s', (parse, text, mode) => expect(parse(text)).toBe(mode));

  it.each([
    [parseFileMode, ''],
    [parseFileMode, '444'],
    [parseFileMode, '66'],
    [parseFileMode, '4664'],
    [parseFileMode, '688'],
    [parseFileMode, 'u=rw'],
    [parseDirMode, '555'],
    [parseDirMode, '2775'],
    [parseDirMode, '0o775'],
  ])('%o refuses %j', (parse, text) => expect(() => parse(text)).toThrow(InvalidArgumentError));
});

describe('parseCount', () => {
  it('takes a whole number', () => {
    expect(parseCount('1024')).toBe(1024);
  });

  it.each(['0', '', '1.5', '1000001', 'many'])('refuses "%s"', (text) => {
    expect(() => parseCount(text)).toThrow(InvalidArgumentError);
  });
});

describe('parseSecondsAsMs', () => {
  it.each([
    ['60', 60_000],
    ['0.5', 500],
    ['86400', 86_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseSecondsAsMs(text)).toBe(ms);
  });

  it.each(['0', '', '-1', '0.0001', '2147484', '1e3', 'soon', 'NaN'])('refuses "%s"', (text) => {
    expect(() => parseSecondsAsMs(text)).toThrow(InvalidArgumentError);
  });
});
