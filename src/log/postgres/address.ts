import { isLoopback } from "../../shared/hosts.js";
import { EXIT, type StopError, stopError } from "../../shared/problems.js";
import { quote } from "../../shared/text-safety.js";

/** Where a log in PostgreSQL is, and how it is reached. */
export interface PostgresAddress {
  /** `postgres://USER@HOST:PORT/DATABASE?log=NAME`: as people read it, without a password. */
  readonly shown: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** The log's name in the database. */
  readonly log: string;
  /** From the environment's URL; else PGPASSWORD or the password file say it. A secret. */
  readonly password: string | undefined;
  /** `verified`: TLS with the server's certificate held against the authorities and the host's name. */
  readonly tls: "off" | "verified";
  /** `sslmode=disable` was written for another host: what is sent there can be read on the way. */
  readonly plainToOtherHost: boolean;
  /** `sslrootcert`, else PGSSLROOTCERT. */
  readonly caFile: string | undefined;
}

/**
 * Whether a text is meant as the address of a log in PostgreSQL: also one with blanks or quotes around it, or of another program's
 * kind. Taken for a file's name it would be shown, with its password.
 */
export function isPostgresUrl(text: string): boolean {
  return /^[\s"'`]*(?:postgres(?:ql)?:|[a-z][a-z0-9+.:-]*:\/\/)/i.test(text);
}

/** Whether two addresses are of one log, whoever reads it. */
export function isSameLog(one: PostgresAddress, other: PostgresAddress): boolean {
  const [a, b] = [one, other].map(({ host, port, database, log }) =>
    JSON.stringify([host.toLowerCase(), port, database, log]),
  );
  return a === b;
}

const FORM = "postgres://USER@HOST:PORT/DATABASE?log=NAME";
const PARAMETERS = ["log", "sslmode", "sslrootcert"];
const TLS_MODES = ["require", "verify-ca", "verify-full"];

/** What a log may be called: one word that needs no quoting anywhere. */
const LOG_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/**
 * Reads the address of a log. `isArgument`: it was typed as an argument, which everybody on the machine may read: then it must hold no
 * password. Throws a StopError (exit 2) that shows nothing of a password.
 */
export function parsePostgresUrl(
  text: string,
  isArgument: boolean,
  env: Readonly<Record<string, string | undefined>>,
): PostgresAddress {
  const trimmed = text.trim();
  if (/^postgres(?:ql)?:\/\/[^/?#]*,/i.test(trimmed.replace(/\/\/[^/?#]*@/, "//")))
    throw refusal("it names several hosts, and the log needs the one that is written to");
  if (!/^postgres(?:ql)?:\/\//i.test(trimmed)) throw refusal("it does not begin with postgres://");
  if (!URL.canParse(trimmed)) throw refusal("it is no URL");
  const url = new URL(trimmed);
  const { hostname, searchParams } = url;
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decoded);
  if (password !== "" && isArgument)
    throw refusal("it holds a password, and arguments are public", "Give the password in PGPASSWORD or PGPASSFILE");
  if (hostname === "") throw refusal("it names no host");
  if (hostname.includes("%"))
    throw refusal("its host is no name and no IP address (a socket's folder is not supported)");
  if (url.port === "0") throw refusal("there is no port 0");
  if (database === "" || database === undefined || database.includes("/")) throw refusal("it names no database");
  if (url.hash !== "") throw refusal("it has a #, which is written %23 in a name");
  for (const name of searchParams.keys()) {
    if (!PARAMETERS.includes(name))
      throw refusal(`${quote(name)} is not supported`, `It may have ${PARAMETERS.join(", ")}`);
    if (searchParams.getAll(name).length > 1) throw refusal(`${name} stands there twice`);
  }
  const log = searchParams.get("log") ?? "";
  if (log === "") throw refusal("it does not say which log of the database");
  if (!LOG_NAME.test(log))
    throw refusal(`${quote(log)} is no name of a log`, "Use letters, digits, . _ and -, at most 63 of them");
  const mode = searchParams.get("sslmode");
  if (mode !== null && mode !== "disable" && !TLS_MODES.includes(mode))
    throw refusal(
      `sslmode=${mode} is not supported`,
      "Leave it out for TLS with full verification, or write sslmode=disable",
    );
  const host = hostname.replace(/^\[|\]$/g, "");
  const isHere = isLoopback(hostname);
  const tls = mode === "disable" || (mode === null && isHere) ? "off" : "verified";
  const as = user || env.PGUSER || env.USER || env.USERNAME;
  if (as === undefined || as === "") throw refusal("it names no user");
  const port = url.port === "" ? 5432 : Number(url.port);
  return {
    shown: `postgres://${encodeURIComponent(as)}@${hostname}:${port}/${encodeURIComponent(database)}?log=${log}`,
    ...{ host, port, user: as, database, log, tls },
    password: password || undefined,
    plainToOtherHost: tls === "off" && !isHere,
    caFile: searchParams.get("sslrootcert") || env.PGSSLROOTCERT || undefined,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refusal("a % in it is no escape: % itself is written %25");
  }
}

function refusal(why: string, hint = `It is written ${FORM}`): StopError {
  return stopError(EXIT.usage, "LOG_URL", `the address of the idempotency log cannot be used: ${why}`, { hint });
}

/**
 * The password that a password file has for an address: lines of host:port:database:user:password, the first that fits, `*` fits all, and
 * a backslash makes the next character plain. `undefined`: none fits.
 */
export function passwordIn(file: string, { host, port, database, user }: PostgresAddress): string | undefined {
  const wanted = [host, String(port), database, user];
  for (const line of file.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = ""]) => field);
    const plain = fields.map((field) => field.replace(/\\(.)/g, "$1"));
    if (wanted.every((text, at) => fields[at] === "*" || plain[at] === text)) return plain[4];
  }
  return undefined;
}
