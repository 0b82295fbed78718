import { BlockList, isIP, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import { trimAround } from "../shared/ids.js";
import { EXIT, stopError } from "../shared/problems.js";
import { isLoopback, type ServerUrl } from "./url.js";

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
  if (isLoopback(server.hostname)) return undefined;
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
