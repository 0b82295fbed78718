import { BlockList, isIPv4, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import { trimAround } from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";
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
  const name = server.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = trimAround(variable(env, name) ?? "");
  if (value === "" || isExempt(server, variable(env, "NO_PROXY") ?? "")) return undefined;
  return parseProxy(value, name);
}

function variable(env: ProxyEnvironment, name: string): string | undefined {
  return env[name.toLowerCase()] ?? env[name];
}

function parseProxy(value: string, name: string): ProxyServer {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const refuse = (message: string, cause?: unknown): never => {
    throw new StopError(
      EXIT.usage,
      {
        code: "PROXY_URL",
        message: `the proxy in ${name} cannot be used: ${message}`,
        hint: `Set ${name} to http://host:port, or leave the server out with NO_PROXY`,
      },
      { cause },
    );
  };
  if (!URL.canParse(full)) return refuse("its value is no URL");
  const url = new URL(full);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return refuse(`${url.protocol.slice(0, -1)} is not spoken here, only http and https are`);
  if (url.hostname === "") return refuse("it names no host");
  return {
    protocol: url.protocol,
    hostname: withoutBrackets(url.hostname),
    port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
    origin: url.origin,
    authorization: authorizationOf(url, (cause) => refuse("its user name or password is not percent-encoded", cause)),
  };
}

function authorizationOf(url: URL, refuse: (cause: unknown) => never): string | undefined {
  if (url.username === "" && url.password === "") return undefined;
  try {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
  } catch (cause) {
    return refuse(cause);
  }
}

/**
 * Whether NO_PROXY names a server: `*`, host names (and all below them), `.domain`, `*.domain`, addresses, CIDR, each with or
 * without a port, and `<local>` for host names without a dot.
 */
export function isExempt(server: Pick<ServerUrl, "hostname" | "port">, noProxy: string): boolean {
  const host = withoutBrackets(server.hostname.toLowerCase());
  return noProxy
    .split(/[\s,;]+/)
    .filter((rule) => rule !== "")
    .some((rule) => matches(rule.toLowerCase(), host, server.port));
}

function matches(rule: string, host: string, port: number): boolean {
  if (rule === "*") return true;
  if (rule === "<local>") return !host.includes(".") && !isIPv6(host);
  if (rule.includes("/")) return isWithin(rule, host);
  const { name, port: rulePort } = hostAndPort(rule);
  if (rulePort !== undefined && rulePort !== port) return false;
  if (isIPv6(name) || isIPv4(name)) return isWithin(`${name}/${isIPv6(name) ? 128 : 32}`, host);
  const domain = asciiName(name.replace(/^\*?\./, "").replace(/\.$/, ""));
  return domain !== "" && (host === domain || (host.endsWith(`.${domain}`) && !isIPv4(host)));
}

function hostAndPort(rule: string): { readonly name: string; readonly port: number | undefined } {
  if (isIPv6(rule)) return { name: rule, port: undefined };
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(rule);
  if (parts?.[1] === undefined) return { name: rule, port: undefined };
  return { name: withoutBrackets(parts[1]), port: parts[2] === undefined ? undefined : Number(parts[2]) };
}

/** A name with letters beyond ASCII is compared as a URL has it; what is no name matches nothing but itself. */
function asciiName(name: string): string {
  return domainToASCII(name) || name;
}

function isWithin(cidr: string, host: string): boolean {
  const [network = "", bits = ""] = cidr.split("/");
  const address = withoutBrackets(network);
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (family === undefined || !(prefix <= (family === "ipv4" ? 32 : 128))) return false;
  const hostFamily = isIPv4(host) ? "ipv4" : isIPv6(host) ? "ipv6" : undefined;
  if (hostFamily === undefined) return false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family);
  return list.check(host, hostFamily);
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}
