import { type Check, failed, passed, warned } from "../shared/diagnosis.js";
import { EXIT, type Problem } from "../shared/problems.js";

/** One certificate of a server's chain, as a person reads it. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly validUntil: Date;
}

/** How the connection to a server is secured. Made by the adapter that looks, read by {@link judgeSecurity}. */
export type Security =
  | { readonly kind: "plain" }
  | {
      readonly kind: "secure";
      /** `TLSv1.3` */
      readonly protocol: string;
      /** The server's own certificate first. */
      readonly chain: readonly CertificateFacts[];
      /** Why it is not trusted, or `undefined` where it is. */
      readonly distrust: Problem | undefined;
    };

/** So many days before its end a certificate is warned of. */
const SOON_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Judges how the connection is secured. `warnings`: what the connection itself warns of (plain http, `--insecure`). */
export function judgeSecurity(of: {
  readonly security: Security;
  readonly now: Date;
  readonly insecure: boolean;
  readonly warnings: readonly Problem[];
}): Check {
  const { security, now, insecure, warnings } = of;
  if (security.kind === "plain")
    return warnings.length === 0
      ? passed("certificate", "none: plain http, as it is usual on one's own machine")
      : warned("certificate", warnings);
  if (security.distrust !== undefined && !insecure)
    return failed("certificate", { exitCode: EXIT.server, problems: [security.distrust] });
  const shown = describeChain(security, now);
  const ending = endingSoon(security.chain, now);
  const doubts = [security.distrust, ending].filter((problem) => problem !== undefined);
  const problems = [...warnings, ...doubts];
  if (problems.length === 0) return passed("certificate", shown);
  return warned("certificate", problems, `${doubts[0]?.message ?? problems[0]?.message}; ${shown}`);
}

function describeChain(security: Extract<Security, { kind: "secure" }>, now: Date): string {
  const [own, ...above] = security.chain;
  if (own === undefined) return security.protocol;
  const days = daysLeft(own, now);
  const left = days < 0 ? `ended ${-days} days ago` : `${days} days left`;
  const chain = above.length === 0 ? "" : `, chain ${security.chain.map((one) => one.subject).join(" < ")}`;
  return `${own.subject}, issued by ${own.issuer}, valid until ${day(own.validUntil)} (${left}), ${security.protocol}${chain}`;
}

/** The certificate of the chain that ends first, where that is soon. */
function endingSoon(chain: readonly CertificateFacts[], now: Date): Problem | undefined {
  const [first] = [...chain].sort((a, b) => a.validUntil.getTime() - b.validUntil.getTime());
  if (first === undefined || daysLeft(first, now) >= SOON_DAYS) return undefined;
  const days = daysLeft(first, now);
  return {
    code: "CERTIFICATE_ENDS",
    message:
      days < 0
        ? `the certificate ${first.subject} ended on ${day(first.validUntil)}`
        : `the certificate ${first.subject} ends on ${day(first.validUntil)}, in ${days} days`,
    hint: "Renew it on the server: once it has ended, no run reaches the server any more",
  };
}

function daysLeft(certificate: CertificateFacts, now: Date): number {
  return Math.floor((certificate.validUntil.getTime() - now.getTime()) / DAY_MS);
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
