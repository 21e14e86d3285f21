/** The network of a caller, for limits that one machine with many addresses must not get around. */
const IPV6_GROUPS = 8;
const NETWORK_GROUPS = 4;

/** The network of a host: the IPv4 address itself, or the /64 of an IPv6 address, because one machine can take any address in it. */
export function networkOf(host: string): string {
  if (!host.includes(':')) return host;
  const [address = ''] = host.split('%');
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: IPV6_GROUPS - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':')}::/64`;
}
