/**
 * Whether a host of a URL is this machine, as far as its text tells: `localhost`, 127.0.0.0/8, `[::1]`. What ends in `.localhost` is so
 * by convention only: a DNS server may send it anywhere.
 */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Whether an IP address, as a socket tells it, is this machine's own. */
export function isLoopbackAddress(address: string): boolean {
  return /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)$/i.test(address);
}
