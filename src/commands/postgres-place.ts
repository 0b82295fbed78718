import { fstatSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { MOST_BYTES, readOpen, UnfitFile, withOpenFile } from "../files/open-file.js";
import { spokenCode } from "../files/paths.js";
import { type PostgresAddress, passwordIn } from "../log/postgres/address.js";
import { PostgresLog } from "../log/postgres/postgres-log.js";
import { readAuthorities, secureContextOf } from "../server/credentials.js";
import { EXIT, type Problem, problem, stopError } from "../shared/problems.js";
import type { Host } from "./host.js";

/** A log in PostgreSQL, with the password and the authorities that the environment knows. Throws a StopError (exit 2). */
export async function postgresPlace(
  host: Pick<Host, "env" | "pid" | "secrets" | "platform">,
  address: PostgresAddress,
  caFiles: readonly string[],
): Promise<PostgresLog> {
  const warnings: Problem[] = [];
  if (address.plainToOtherHost)
    warnings.push(problem("LOG_CLEARTEXT", `${address.shown} is reached without TLS, as sslmode=disable says.`));
  const files = address.caFile === undefined ? caFiles : [...caFiles, address.caFile];
  const chosen = address.tls === "off" ? [] : await readAuthorities(files, host.env.NODE_EXTRA_CA_CERTS);
  const secureContext = chosen.length === 0 ? undefined : secureContextOf(chosen);
  const password = (address.password ?? host.env.PGPASSWORD) || (await passwordOfFile(host, address, warnings));
  // What stands in the address anyway ("postgres") is no secret: taken out, it would spoil every text.
  if (password !== undefined && !address.shown.includes(password)) host.secrets.add(password, "password");
  return new PostgresLog(address, { password, secureContext }, host.pid, warnings);
}

/** The password that PGPASSFILE, or the usual password file, has for this address. One that others may read is left alone, as by psql. */
async function passwordOfFile(
  { env, platform }: Pick<Host, "env" | "platform">,
  address: PostgresAddress,
  warnings: Problem[],
): Promise<string | undefined> {
  const usual =
    platform === "win32"
      ? join(env.APPDATA ?? "", "postgresql", "pgpass.conf")
      : join(env.HOME ?? homedir(), ".pgpass");
  // A variable that is set to nothing, as CI systems do, is none.
  const path = env.PGPASSFILE || usual;
  const leave = (why: string, hint?: string): undefined => {
    warnings.push(problem("PASSWORD_FILE", `the password file ${path} is not used: ${why}`, { hint, file: path }));
  };
  try {
    return withOpenFile(path, (file) => {
      if (platform === "win32" || (fstatSync(file.fd).mode & 0o077) === 0)
        return passwordIn(readOpen(file, MOST_BYTES.passwords).toString("utf8"), address);
      return leave("others may read it", `Take the right to read it from others: chmod 600 ${path}`);
    });
  } catch (cause) {
    // As psql does: `PGPASSFILE=/dev/null` is how people say that there is none.
    if (cause instanceof UnfitFile) return leave(cause.message);
    if (path === usual) return undefined;
    const message = `the password file ${path} (PGPASSFILE) cannot be read (${spokenCode(cause)})`;
    throw stopError(EXIT.usage, "PASSWORD_FILE", message, { file: path }, cause);
  }
}
