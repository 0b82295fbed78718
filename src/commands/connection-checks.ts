import { systemClock } from "../files/system-clock.js";
import { type Attempt, attempt } from "../run/attempt.js";
import { judgeSecurity, sightConnection } from "../server/certificate.js";
import { type Authorities, readAuthorities, secureContextOf } from "../server/credentials.js";
import { chooseProxy, type ProxyServer } from "../server/proxy.js";
import { parseServerUrl, type ServerUrl } from "../server/url.js";
import { type Check, failed, passed, skipped } from "../shared/diagnosis.js";
import type { Emit } from "../shared/events.js";
import { EXIT, type Problem, type StopError } from "../shared/problems.js";
import { type Connection, openConnection } from "./connection.js";
import type { Host } from "./host.js";
import type { GivenConnection } from "./settings.js";

/** What can be said of a connection before the API is asked anything. `open`: the API may be asked. */
export interface ExaminedConnection {
  readonly server: ServerUrl | undefined;
  readonly checks: readonly Check[];
  readonly open: Connection | undefined;
}

/** The longest that making the connection that is only looked at may take. */
const LONGEST_CONNECT_MS = 10_000;

/**
 * Examines address, proxy, certificates and key, each as far as the others let it. Where `open` is `undefined`, the checks
 * say why; else the lines `server` and `key` are still to be made from what the API answers.
 */
export async function examineConnection(host: Host, given: GivenConnection, emit: Emit): Promise<ExaminedConnection> {
  if (given.server === undefined) return noAddress(given, { exitCode: EXIT.usage, problems: [SERVER_MISSING] });
  const { text } = given.server;
  const parsed = await attempt(() => parseServerUrl(text));
  if (parsed.kind === "stopped") return noAddress(given, parsed.stop);
  const server = parsed.value;
  const proxy = await attempt(() => chooseProxy(server, host.env));
  const authorities = await attempt(() => readAuthorities(given.caFiles, host.env.NODE_EXTRA_CA_CERTS));
  const opened = await open(host, given, emit);
  const connection = opened?.kind === "done" ? opened.value : undefined;
  const seen = { server, given, proxy, authorities, warnings: connection?.warnings ?? [] };
  const { checks, unreachable } = await look(seen);
  if (connection !== undefined) return { server, checks, open: connection };
  const usable = proxy.kind === "done" && authorities.kind === "done";
  const address = usable ? reachLine(server, unreachable) : skipped("server", "it was not asked", HINT_ABOVE);
  return { server, checks: [address, keyLine(opened), ...checks], open: undefined };
}

const HINT_ABOVE = "Mend what failed, then run doctor again";

const SERVER_MISSING: Problem = {
  code: "SERVER_MISSING",
  message: "no server is named",
  hint: "Give --server URL, or set QALYPTUS_SERVER",
};

const KEY_MISSING: Problem = {
  code: "API_KEY_MISSING",
  message: "there is no API key",
  hint: "Set QALYPTUS_API_KEY, or give --api-key-file FILE (- for standard input)",
};

function noAddress(given: GivenConnection, stop: Pick<StopError, "exitCode" | "problems">): ExaminedConnection {
  const why = "there is no server to ask";
  const key = given.apiKey === undefined ? failed("key", missing(KEY_MISSING)) : skipped("key", why);
  return {
    server: undefined,
    checks: [failed("server", stop), skipped("proxy", why), skipped("certificate", why), key],
    open: undefined,
  };
}

function missing(problem: Problem): Pick<StopError, "exitCode" | "problems"> {
  return { exitCode: EXIT.usage, problems: [problem] };
}

async function open(host: Host, given: GivenConnection, emit: Emit): Promise<Attempt<Connection> | undefined> {
  const { server, apiKey } = given;
  if (server === undefined || apiKey === undefined) return undefined;
  return attempt(() => openConnection(host, { ...given, server, apiKey }, { emit, concurrency: 1 }));
}

interface Seen {
  readonly server: ServerUrl;
  readonly given: GivenConnection;
  readonly proxy: Attempt<ProxyServer | undefined>;
  readonly authorities: Attempt<Authorities>;
  readonly warnings: readonly Problem[];
}

/** The lines of the proxy and of the certificates; `unreachable` says why no connection came about. */
async function look(seen: Seen): Promise<{ readonly checks: readonly Check[]; readonly unreachable?: Problem }> {
  const { server, given, proxy, authorities } = seen;
  if (proxy.kind === "stopped")
    return { checks: [failed("proxy", proxy.stop), certificateUnseen(authorities, "the proxy cannot be used")] };
  const way = proxyLine(proxy.value);
  if (authorities.kind === "stopped") return { checks: [way, failed("certificate", authorities.stop)] };
  const sighting = await sightConnection({
    server,
    proxy: proxy.value,
    connectMs: Math.min(given.timeoutMs, LONGEST_CONNECT_MS),
    secureContext: secureContextOf(authorities.value),
    insecure: given.insecure,
  });
  if (sighting.kind === "unreachable")
    return { checks: [way, skipped("certificate", "no connection came about")], unreachable: sighting.problem };
  const { insecure } = given;
  const certificate = judgeSecurity({ security: sighting, now: systemClock.now(), insecure, warnings: seen.warnings });
  return { checks: [way, certificate] };
}

function certificateUnseen(authorities: Attempt<Authorities>, why: string): Check {
  return authorities.kind === "stopped" ? failed("certificate", authorities.stop) : skipped("certificate", why);
}

function proxyLine(proxy: ProxyServer | undefined): Check {
  return passed("proxy", proxy === undefined ? "none: straight to the server" : `by way of ${proxy.origin}`);
}

/** How the server is where the API cannot be asked. */
function reachLine(server: ServerUrl, unreachable: Problem | undefined): Check {
  if (unreachable !== undefined) return failed("server", { exitCode: EXIT.server, problems: [unreachable] });
  return passed("server", `${server.identity} takes connections; without a key it is asked nothing`);
}

function keyLine(opened: Attempt<Connection> | undefined): Check {
  if (opened === undefined) return failed("key", missing(KEY_MISSING));
  const isKey = opened.kind === "stopped" && opened.stop.problems.some((problem) => problem.code === "API_KEY");
  return isKey ? failed("key", opened.stop) : skipped("key", "it was not tried", HINT_ABOVE);
}
