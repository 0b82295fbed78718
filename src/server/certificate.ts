import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Check, failed, passed, warned } from "../shared/diagnosis.js";
import { EXIT, type Problem, problem } from "../shared/problems.js";
import { type ConnectorSettings, makeConnector } from "./connect.js";
import { failureOf, TransportFailure, type Whereabouts } from "./failure.js";

/** How the connection to a server is secured. */
export type Security =
  | { readonly kind: "plain" }
  | {
      readonly kind: "secure";
      /** `TLSv1.3` */
      readonly protocol: string;
      readonly subject: string;
      readonly issuer: string;
      readonly validUntil: Date;
      /** Why the certificate is not trusted, or `undefined` where it is. */
      readonly distrust: Problem | undefined;
    };

/**
 * Makes one connection as the client makes them (straight or through the proxy), looks at its certificate, trusted or not,
 * and closes it. No request and no key is sent. Never rejects for what the network says.
 */
export async function sightConnection(
  settings: ConnectorSettings,
): Promise<Security | { readonly kind: "unreachable"; readonly problem: Problem }> {
  const { server, proxy } = settings;
  const where = { origin: server.origin, proxy: false };
  // A certificate that is not trusted is to be shown too. Not so a proxy's own: it is sent its password.
  const connect = makeConnector({ ...settings, insecure: settings.insecure || proxy?.protocol !== "https:" });
  // In plain http the proxy itself is what is connected to.
  const target = server.protocol === "http:" && proxy !== undefined ? proxy : server;
  const hostname = target.hostname.replace(/^\[|\]$/g, "");
  const options = { hostname, host: hostname, protocol: target.protocol, port: String(target.port) };
  const socket = await new Promise<Socket | Error>((resolve) => {
    connect(options, (error, connected) => resolve(error ?? connected));
  });
  if (socket instanceof Error) return { kind: "unreachable", problem: failureOf(socket, where, true).problem };
  const security = securityOf(socket, where);
  socket.destroy();
  return security;
}

function securityOf(socket: Socket, where: Whereabouts): Security {
  if (!(socket instanceof TLSSocket) || !where.origin.startsWith("https:")) return { kind: "plain" };
  const { subject, issuer, valid_to } = socket.getPeerCertificate();
  // Declared as an error; Node keeps the error's code there.
  const code = String(socket.authorizationError || "CERT_UNTRUSTED");
  return {
    kind: "secure",
    protocol: socket.getProtocol() ?? "TLS",
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    validUntil: new Date(valid_to),
    distrust: socket.authorized ? undefined : new TransportFailure("certificate", where, { code }).problem,
  };
}

function nameOf({ CN, O }: { readonly CN?: string | string[]; readonly O?: string | string[] }): string {
  return [CN ?? O ?? "a certificate without a name"].flat().join(", ");
}

/** So many days before its end a certificate is warned of. */
const SOON_DAYS = 30;

/** Judges how the connection is secured. `warnings`: what the connection itself warns of (plain http, `--insecure`). */
export function judgeSecurity(seen: {
  readonly security: Security;
  readonly now: Date;
  readonly insecure: boolean;
  readonly warnings: readonly Problem[];
}): Check {
  const { security, now, insecure, warnings } = seen;
  if (security.kind === "plain")
    return warnings.length === 0
      ? passed("certificate", "none: plain http, as it is usual on one's own machine")
      : warned("certificate", warnings);
  const { subject, issuer, validUntil, distrust, protocol } = security;
  if (distrust !== undefined && !insecure)
    return failed("certificate", { exitCode: EXIT.server, problems: [distrust] });
  const days = Math.floor((validUntil.getTime() - now.getTime()) / (24 * 60 * 60 * 1000));
  const left = days < 0 ? `ended ${-days} days ago` : `${days} days left`;
  const end = validUntil.toISOString().slice(0, 10);
  const ending =
    days < SOON_DAYS
      ? problem("CERTIFICATE_ENDS", `the certificate ${subject} ends or ended on ${end} (${left})`)
      : undefined;
  const shown = `${subject}, issued by ${issuer}, valid until ${end} (${left}), ${protocol}`;
  const doubts = [distrust, ending].filter((doubt) => doubt !== undefined);
  const problems = [...doubts, ...warnings];
  if (problems.length === 0) return passed("certificate", shown);
  return warned("certificate", problems, `${problems[0]?.message}; ${shown}`);
}
