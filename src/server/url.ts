import { isIPv6 } from "node:net";
import { trimAround } from "../shared/ids.js";
import { EXIT, stopError } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";

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
  /** Whether the key would travel in the clear to another machine. */
  readonly plainHttpToOtherHost: boolean;
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
    plainHttpToOtherHost: protocol === "http:" && !isLoopback(hostname),
  };
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

/** Whether a host of a URL is this machine: `localhost`, `*.localhost`, 127.0.0.0/8, `[::1]`. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
