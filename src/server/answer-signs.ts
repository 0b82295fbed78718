import type { ProblemCode } from "../shared/codes.js";
import { quote } from "../shared/text-safety.js";
import type { HttpAnswer, HttpClient, HttpRequest } from "./client.js";
import { schemesIn, wantsWindowsLogin } from "./failure-signs.js";
import type { JsonBody } from "./wire.js";

export type Method = HttpRequest["method"];

/** An answer, as far as it shows who made it and why. */
interface Seen {
  readonly method: Method;
  readonly answer: HttpAnswer;
  readonly body: JsonBody;
  readonly answering: Pick<HttpClient, "server" | "proxyOrigin">;
}

/** How a person is told, where an answer shows more than its status does. */
interface Words {
  readonly code?: ProblemCode;
  readonly says?: string;
  readonly hint: string;
}

/**
 * What an answer itself shows of who refuses and why. Words alone: what the answer proves is decided by its status, in `replies.ts`.
 * `undefined`: it shows no more than its status does.
 */
export function wordsOf(seen: Seen): Words | undefined {
  for (const sign of SIGNS) {
    const words = sign(seen);
    if (words !== undefined) return words;
  }
  return undefined;
}

const OWN_PORT = "give --server Qalyptus Server's own port (often 3994)";

const SIGNS: readonly ((seen: Seen) => Words | undefined)[] = [
  ({ answer: { status, headers } }) => {
    const authenticate = headers["www-authenticate"];
    if (status !== 401 || !wantsWindowsLogin(authenticate)) return undefined;
    return {
      code: "LOGIN_REQUIRED",
      says: `wants a Windows login (${schemesIn(authenticate).join(", ")}) and has not looked at the API key`,
      hint: `IIS's Windows authentication stands before the server: allow anonymous access to the API's path there, or ${OWN_PORT}`,
    };
  },

  ({ answer: { status, headers } }) => {
    const schemes = schemesIn(headers["www-authenticate"]);
    if (status !== 401 || schemes.length === 0 || schemes.some((scheme) => /^(?:bearer|apikey)$/i.test(scheme)))
      return undefined;
    return {
      code: "LOGIN_REQUIRED",
      says: `wants a login of another kind than the API key (${quote(schemes.join(", "))})`,
      hint: `A gateway before the server seems to ask for it: let the API's path through there, or ${OWN_PORT}. If it is the server itself, check the key`,
    };
  },

  ({ answer: { status }, answering: { proxyOrigin } }) =>
    status !== 407 || proxyOrigin !== undefined
      ? undefined
      : {
          code: "PROXY_REFUSED",
          says: "is reached through a proxy that wants a login, and none is set here",
          hint: "Name that proxy with its user name and password in HTTPS_PROXY or HTTP_PROXY, or have the server let through",
        },

  ({ method, answer: { status, headers } }) => {
    const { allow, server = "" } = headers;
    const isIis = /IIS|Microsoft-HTTPAPI/i.test(server);
    if (status !== 405 || method !== "PATCH" || (!isIis && /\bPATCH\b/i.test(allow ?? ""))) return undefined;
    return {
      code: "METHOD_REFUSED",
      says: `does not let PATCH through${allow === undefined ? "" : `, only ${quote(allow)}`}`,
      hint: isIis
        ? "IIS's WebDAV module answers PATCH itself: remove WebDAVModule and the handler WebDAV from the site (its web.config), and look at its request filtering"
        : "Let what stands before the server pass PATCH on (in IIS the WebDAV module keeps it: remove WebDAVModule from the site)",
    };
  },

  ({ answer: { status, headers }, body }) => {
    if (!/Microsoft-HTTPAPI/i.test(headers.server ?? "") || body.kind !== "html") return undefined;
    if (status === 503)
      return { hint: "Windows answers in the server's place: start its site and application pool in IIS" };
    if (status === 400)
      return {
        hint: "Windows answers in the server's place: give --server the host name that the site in IIS is bound to",
      };
    return undefined;
  },

  ({ answer, body }) =>
    answer.status !== 403 || (body.kind !== "html" && answer.headers["x-squid-error"] === undefined)
      ? undefined
      : {
          code: "FORBIDDEN_PAGE",
          says: `is not reached: ${senderOf(answer)} before it answers with a page of its own`,
          hint: "Have the server's address allowed there, or leave the proxy out with NO_PROXY; the API answers in JSON, so that this is not about the key's role",
        },

  ({ answer: { status } }) =>
    status !== 511
      ? undefined
      : {
          says: "is not reached: this network wants a login first",
          hint: "Log in to the network from this machine, or have it let through",
        },

  ({ answer }) =>
    answer.status !== 502 && answer.status !== 504
      ? undefined
      : {
          says: `was not reached by ${senderOf(answer)} before it${answer.status === 504 ? " in time" : ""}`,
          hint: "Check that Qalyptus Server runs, then what stands before it; -v shows the request ID to look for",
        },

  ({ answer: { status } }) =>
    status !== 413
      ? undefined
      : {
          says: "finds the request too large",
          hint: "Raise the limit of what stands before the server (in IIS: maxAllowedContentLength); a report with fewer mappings is smaller",
        },

  ({ answer: { status, location = "" }, answering: { server } }) => {
    if (status < 300 || status >= 400 || !URL.canParse(location)) return undefined;
    const { protocol, hostname } = new URL(location);
    if (server.protocol !== "http:" || protocol !== "https:" || hostname !== server.hostname) return undefined;
    return { hint: `It wants https: give --server https://${server.hostname}${server.basePath}` };
  },

  ({ answer: { cutShort } }) =>
    cutShort?.kind !== "packed"
      ? undefined
      : { hint: "Let what stands before the server pass answers on unpacked, as accept-encoding: identity asks" },
];

/** Who made an answer, by its own word. */
function senderOf({ headers }: HttpAnswer): string {
  const { server, via } = headers;
  const names = [server, via && `via ${via}`].filter((name) => name !== undefined && name !== "");
  return names.length === 0 ? "something" : quote(names.join(" "));
}
