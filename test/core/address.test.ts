import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalHost, formatAddress, formatTarget, hostOf, nameHost, parseAddress } from '../../src/core/address.js';
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

describe('a host has one name, however it is written:', () => {
  it.each([
    ['::1', ['0:0:0:0:0:0:0:1', '0::1', '::0001', '0000:0000:0000:0000:0000:0000:0000:0001', '::', '::0.0.0.1']],
    [
      '127.0.0.1',
      ['127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '127.0.0.1.', '0.0.0.0', '0'],
    ],
    ['127.0.0.1', ['::ffff:127.0.0.1', '::FFFF:7f00:1', '::ffff:7f00:0001', '0:0:0:0:0:ffff:127.0.0.1']],
    ['2001:db8::a', ['2001:DB8::A', '2001:0db8:0:0:0:0:0:a', '2001:db8::0.0.0.10']],
    ['fe80::1%eth0', ['FE80::1%eth0', 'fe80:0:0::1%ETH0']],
    ['backup.example', ['Backup.Example', 'BACKUP.EXAMPLE.', 'backup.example.']],
    ['xn--bcher-kva.example', ['bücher.example', 'BÜCHER.example.', 'XN--bcher-kva.example']],
    ['localhost', ['LocalHost', 'localhost.']],
    ['my_nas', ['MY_NAS']],
  ])('%s', (name, spellings) => {
    for (const spelling of [name, ...spellings]) expect([spelling, canonicalHost(spelling)]).toEqual([spelling, name]);
  });

  it.each([
    ['127.0.0.1', '127.0.0.2'],
    ['::1', '127.0.0.1'],
    ['fe80::1%eth0', 'fe80::1%eth1'],
    ['a.example', 'b.example'],
    ['a', 'a?b'],
    ['localhost', '127.0.0.1'],
  ])('but %s is not %s', (one, other) => {
    expect(canonicalHost(one)).not.toBe(canonicalHost(other));
  });

  it('and another port is another receiver', () => {
    expect(nameHost({ host: '127.1', port: 7000 })).toBe('127.0.0.1:7000');
    expect(nameHost({ host: '0:0::1', port: 7000 })).toBe('[::1]:7000');
  });

  it('whatever is typed', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(':', '%', '1', 'a', '.', '-', 'ß', 'x', '?', '@', '/') }),
        (text) => {
          const once = canonicalHost(text);
          expect(canonicalHost(once)).toBe(once);
        },
      ),
    );
  });
});
