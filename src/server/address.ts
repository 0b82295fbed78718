import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import { isLoopback, isLoopbackAddress } from "../shared/hosts.js";
import { trimAround } from "../shared/ids.js";
import { EXIT, stopError } from "../shared/problems.js";
import { mistyped } from "../shared/quoting.js";
import { quote } from "../shared/text-safety.js";

/** The versions of the API's routes; reads may fall back from the second to the first. */
export type ApiVersion = "v1" | "v2";

/** Where the server is: made from `--server` or `QALYPTUS_SERVER`, read by the client, by messages and by the log's header. */
export interface ServerUrl {
  /** `https://host:port`, the default port left out. */
  readonly origin: string;
  readonly protocol: "http:" | "https:";
  /** As a URL has it: lower case, IPv6 in brackets, no dot at its end. */
  readonly hostname: string;
  readonly port: number;
  /** The path before `/api`: empty, or `/prefix` without a slash at its end. */
  readonly basePath: string;
  /** The normal form that the log is bound to: origin and base path. */
  readonly identity: string;
  /** It is taken for this machine: no proxy, no warning of plain http; and a connection that leads elsewhere is not used. */
  readonly isLoopback: boolean;
}

const EXAMPLES = "Give --server as https://host, host:port or https://host/prefix";

/**
 * Reads a server's address as people type it: host, `host:port` or URL, with any path before `/api`, with or without `/api`,
 * `/api/v1`, `/api/v2`. No scheme is https, but http for this machine; `host:port` is a host and a port, never a scheme. Throws a
 * StopError (exit 2), which never shows what stands before an `@`.
 */
export function parseServerUrl(typed: string): ServerUrl {
  const bare = trimAround(typed);
  // A bare IPv6 address, as people type it, gets the brackets that a URL needs.
  const text = isIPv6(bare) ? `[${bare}]` : bare;
  const shown = shownAddress(text);
  const wrong = mistyped(text);
  if (wrong !== undefined) refuse(`the server's address cannot be used: ${wrong.why}`, wrong.hint);
  const parsed = (full: string): URL =>
    URL.canParse(full) ? new URL(full) : refuse(`${shown} is no address of a server`);
  if (text === "") refuse("no server is given", "Give --server https://host or set QALYPTUS_SERVER");
  if (/[\s\u0000-\u001f\u007f]/.test(text)) refuse(`${shown} is no address: there are blanks in it`);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "http" && scheme !== "https")
    refuse(`${shown}: only http and https can be spoken`);
  const rest = text.replace(/^\/\//, "");
  const secure = parsed(scheme === undefined ? `https://${rest}` : text);
  const url = scheme === undefined && isLoopback(secure.hostname) ? parsed(`http://${rest}`) : secure;
  if (url.username !== "" || url.password !== "" || url.host.includes("@"))
    refuse(
      "the server's address holds a user name or a password",
      "Leave them out: the server is asked with an API key (QALYPTUS_API_KEY or --api-key-file)",
    );
  if (/[?#]/.test(text)) refuse(`${shown}: an address of a server has no "?" and no "#"`, "Cut the address before it");
  if (url.port === "0") refuse(`${shown}: 0 is no port`);
  const hostname = url.hostname.replace(/\.$/, "");
  if (hostname === "") refuse(`${shown} names no host`);
  const protocol = url.protocol === "http:" ? "http:" : "https:";
  const origin = `${protocol}//${hostname}${url.port === "" ? "" : `:${url.port}`}`;
  const basePath = url.pathname.replace(/\/+api(?:\/+v[12])?\/*$/i, "").replace(/\/+$/, "");
  return {
    origin,
    protocol,
    hostname,
    port: Number(url.port || (protocol === "https:" ? 443 : 80)),
    basePath,
    identity: `${origin}${basePath}`,
    isLoopback: isLoopback(hostname),
  };
}

/**
 * The server, with its name looked up where only that tells whether it is this machine: `*.localhost` is where all of its addresses are
 * loopback's. The address as it is written does not depend on it, for the log is bound to that.
 */
export async function locate(server: ServerUrl): Promise<ServerUrl> {
  if (!server.hostname.endsWith(".localhost")) return server;
  const found = await lookup(server.hostname, { all: true }).catch(() => []);
  return { ...server, isLoopback: found.length > 0 && found.every(({ address }) => isLoopbackAddress(address)) };
}

function refuse(message: string, hint: string = EXAMPLES): never {
  throw stopError(EXIT.usage, "SERVER_URL", message, { hint });
}

/** The address as a message shows it: nothing that stands before an `@`, nor after a `?` or `#`. */
function shownAddress(text: string): string {
  const at = text.lastIndexOf("@");
  return quote((at < 0 ? text : `…${text.slice(at)}`).replace(/[?#].*$/s, ""));
}

/** The path below the origin under which one version's routes are. */
export function apiRoot(server: ServerUrl, version: ApiVersion): string {
  return `${server.basePath}/api/${version}`;
}

/** The environment's variables, as they were handed in. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/** The proxy that requests go through. `authorization` is a secret: it is sent to the proxy and shown nowhere. */
export interface ProxyServer {
  readonly protocol: "http:" | "https:";
  /** As a socket wants it: IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** `http://host:port`, without credentials: for messages. */
  readonly origin: string;
  readonly authorization: string | undefined;
}

/**
 * Chooses the proxy for a server: HTTPS_PROXY or HTTP_PROXY by the server's scheme, unless NO_PROXY names it; none for this
 * machine. Lower case wins, as with curl. Throws a StopError (exit 2) for a proxy that cannot be spoken to.
 */
export function chooseProxy(server: ServerUrl, env: ProxyEnvironment): ProxyServer | undefined {
  if (server.isLoopback) return undefined;
  const variable = (name: string) => env[name.toLowerCase()] ?? env[name] ?? "";
  const name = server.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = trimAround(variable(name));
  return value === "" || isExempt(server, variable("NO_PROXY")) ? undefined : parseProxy(value, name);
}

function parseProxy(value: string, name: string): ProxyServer {
  const refuse = (why: string, cause?: unknown): never => {
    const hint = `Set ${name} to http://host:port, or leave the server out with NO_PROXY`;
    throw stopError(EXIT.usage, "PROXY_URL", `the proxy in ${name} cannot be used: ${why}`, { hint }, cause);
  };
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(full)) return refuse("its value is no URL");
  const { protocol, hostname, port, origin, username, password } = new URL(full);
  if (protocol !== "http:" && protocol !== "https:")
    return refuse(`${protocol.slice(0, -1)} is not spoken here, only http and https are`);
  if (hostname === "") return refuse("it names no host");
  let authorization: string | undefined;
  try {
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    if (pair !== ":") authorization = `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
  } catch (cause) {
    return refuse("its user name or password is not percent-encoded", cause);
  }
  const usualPort = protocol === "https:" ? 443 : 80;
  return { protocol, hostname: withoutBrackets(hostname), port: Number(port || usualPort), origin, authorization };
}

/**
 * Whether NO_PROXY names a server: `*`, host names (and all below them), `.domain`, `*.domain`, addresses, CIDR, each with or
 * without a port, and `<local>` for host names without a dot.
 */
export function isExempt(server: Pick<ServerUrl, "hostname" | "port">, noProxy: string): boolean {
  const host = withoutBrackets(server.hostname.toLowerCase());
  const rules = noProxy.toLowerCase().split(/[\s,;]+/);
  return rules.some((rule) => rule !== "" && matches(rule, host, server.port));
}

function matches(rule: string, host: string, port: number): boolean {
  if (rule === "*") return true;
  if (rule === "<local>") return !host.includes(".") && !isIPv6(host);
  if (rule.includes("/")) return isWithin(rule, host);
  const parts = isIPv6(rule) ? null : /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(rule);
  const name = withoutBrackets(parts?.[1] ?? rule);
  if (parts?.[2] !== undefined && Number(parts[2]) !== port) return false;
  if (isIP(name) !== 0) return isWithin(`${name}/${isIPv6(name) ? 128 : 32}`, host);
  const domain = name.replace(/^\*?\./, "").replace(/\.$/, "");
  // A name with letters beyond ASCII is compared as a URL has it; what is no name matches nothing but itself.
  const ascii = domainToASCII(domain) || domain;
  return ascii !== "" && (host === ascii || (host.endsWith(`.${ascii}`) && isIP(host) !== 4));
}

function isWithin(cidr: string, host: string): boolean {
  const [network = "", prefix = ""] = cidr.split("/");
  const address = withoutBrackets(network);
  const longest = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1;
  if (isIP(host) === 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > longest) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), isIPv6(address) ? "ipv6" : "ipv4");
  return list.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
