import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, formatTarget, hostOf, parseAddress } from '../../src/core/address.js';
import { FtxError } from '../../src/core/errors.js';

describe('parseAddress', () => {
  it.each([
    ['host', 'host', 6000],
    ['backup.example:6000', 'backup.example', 6000],
    ['host:1', 'host', 1],
    ['host:65535', 'host', 65_535],
    ['192.0.2.1:6001', '192.0.2.1', 6001],
    ['[::1]:6001', '::1', 6001],
    ['[::1]', '::1', 6000],
    ['::1', '::1', 6000],
    ['2001:db8::6000', '2001:db8::6000', 6000],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1', 6000],
    ['[fe80::1%eth0]:6001', 'fe80::1%eth0', 6001],
    ['fe80::1%eth0', 'fe80::1%eth0', 6000],
    ['bücher.example', 'bücher.example', 6000],
  ])('takes %s', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  it.each([
    ['', /not an address/],
    [' ', /not an address/],
    [':6000', /not an address/],
    ['a b:6000', /not an address/],
    ['http://host:6000', /not an address/],
    ['me@host', /not an address/],
    ['host/file', /not an address/],
    ['host:1:2', /not an address/],
    ['[::1', /not an address/],
    ['[::1]6000', /not an address/],
    ['::g', /not an address/],
    ['[::1]:6000:1', /wrong port/],
    ['host:', /wrong port/],
    ['host:0', /wrong port/],
    ['host:65536', /wrong port/],
    ['host:6e3', /wrong port/],
    ['host:-1', /wrong port/],
    ['host: 1', /wrong port/],
    ['[::1]:', /wrong port/],
    ['[host]:6000', /IPv6/],
    ['[192.0.2.1]', /IPv6/],
    ['[]:6000', /IPv6/],
    ['[fe80::1%]', /IPv6/],
  ])('refuses "%s" with one sentence', (text, sentence) => {
    expect(() => parseAddress(text)).toThrow(sentence);
    expect(() => parseAddress(text)).toThrow(FtxError);
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('takes back whatever formatAddress and formatTarget write', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        const address = { host: name, port };
        expect(parseAddress(formatAddress(address))).toEqual(address);
        expect(parseAddress(formatTarget(address))).toEqual(address);
      }),
    );
  });

  it('throws nothing but its own error', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('[', ']', ':', '%', '1', 'a', '.', '/', ' ') }), (text) => {
        try {
          parseAddress(text);
        } catch (error) {
          expect(error).toBeInstanceOf(FtxError);
        }
      }),
    );
  });
});

it.each([
  ['192.0.2.7:51234', '192.0.2.7'],
  ['[2001:db8::7]:51234', '2001:db8::7'],
  ['[fe80::1%eth0]:1', 'fe80::1%eth0'],
  ['something else', 'something else'],
])('hostOf of %s is %s', (peer, host) => {
  expect(hostOf(peer)).toBe(host);
});

describe('formatAddress', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7:6000'],
    ['::ffff:192.0.2.7', '192.0.2.7:6000'],
    ['2001:db8::7', '[2001:db8::7]:6000'],
    ['host.example', 'host.example:6000'],
  ])('shows %s as %s', (host, shown) => {
    expect(formatAddress({ host, port: 6000 })).toBe(shown);
  });
});
