import { expect, it } from 'vitest';
import { listenError } from '../../src/net/listen-failure.js';

const errno = (code: string) => Object.assign(new Error(`listen ${code}: raw text of Node`), { code });
const both = () => true;
const onlyIPv4 = (family: string) => family === 'IPv4';

it.each([
  ['EADDRINUSE', 6000, undefined, 'port-in-use', /^Port 6000 is in use\. .*--port\.$/],
  [
    'EACCES',
    80,
    undefined,
    'cannot-listen',
    /^Cannot listen on port 80: this user may not .* below 1024\. .*--port\.$/,
  ],
  ['EPERM', 80, '192.0.2.1', 'cannot-listen', /^Cannot listen on 192\.0\.2\.1:80: this user may not/],
  ['EACCES', 6000, undefined, 'cannot-listen', /^Cannot listen on port 6000: this machine does not permit that\./],
  ['EADDRNOTAVAIL', 6000, '192.0.2.1', 'cannot-listen', /this machine has no such address\. Check --host\.$/],
  ['EADDRNOTAVAIL', 6000, '2001:db8::1', 'cannot-listen', /^Cannot listen on \[2001:db8::1\]:6000: .* no such address/],
  ['EINVAL', 6000, 'fe80::1', 'cannot-listen', /name of an interface/],
  ['ENODEV', 6000, 'fe80::1%nosuch', 'cannot-listen', /no interface of that name/],
  ['EMFILE', 6000, undefined, 'cannot-listen', /too many files open/],
  ['ENFILE', 6000, undefined, 'cannot-listen', /too many files open/],
  ['ENOBUFS', 6000, undefined, 'cannot-listen', /short of memory/],
  ['EOTHER', 6000, '192.0.2.1', 'cannot-listen', /: EOTHER\./],
  ['ENOTFOUND', 6000, 'nosuch.invalid', 'unknown-host', /nosuch\.invalid:6000: no host of that name/],
  ['EAI_AGAIN', 6000, 'backup', 'unknown-host', /cannot be looked up/],
])('%s at port %i of %s is %s', (code, port, host, wanted, says) => {
  const error = listenError({ port, host }, errno(code), both);
  expect(error.code).toBe(wanted);
  expect(error.message).toMatch(says);
  expect(error.message).not.toContain('raw text');
});

it.each([
  ['EAFNOSUPPORT', '::1', both, 'IPv6'],
  ['EAFNOSUPPORT', '::', onlyIPv4, 'IPv6'],
  ['EAFNOSUPPORT', '127.0.0.1', both, 'IPv4'],
  ['EADDRNOTAVAIL', '::1', onlyIPv4, 'IPv6'],
])('%s at %s says that a family is switched off', (code, host, hasFamily, family) => {
  const { message } = listenError({ port: 6000, host }, errno(code), hasFamily);
  expect(message).toContain(`: ${family} is switched off on this machine. Leave --host out`);
});

it('an address that the machine does not have is not told as IPv4 being off', () => {
  const { message } = listenError({ port: 6000, host: '192.0.2.1' }, errno('EADDRNOTAVAIL'), onlyIPv4);
  expect(message).toContain('this machine has no such address');
});
