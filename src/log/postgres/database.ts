import { setTimeout as sleep } from "node:timers/promises";
import { checkServerIdentity, type PeerCertificate, type SecureContext } from "node:tls";
import { Client, DatabaseError, type QueryResult } from "pg";
import type { ProblemCode } from "../../shared/codes.js";
import { EXIT, type StopError, stopError } from "../../shared/problems.js";
import { shellWord } from "../../shared/quoting.js";
import type { PostgresAddress } from "./address.js";

/** How long making a connection, and one statement, may take, in milliseconds. */
const CONNECT_MS = 10_000;
const STATEMENT_MS = 10_000;

/** What a database is reached with, besides its address. */
export interface Credentials {
  /** PGPASSWORD, or what the password file says; `undefined`: none is known. */
  readonly password: string | undefined;
  /** Who is trusted besides the usual authorities; these alone where it is `undefined`. */
  readonly secureContext: SecureContext | undefined;
}

/** Its types leave these two out. */
type PgClient = Client & { ref(): void; unref(): void };

/** No answer came to a statement: nobody knows whether it was carried out. Or it certainly was not, and may be once it is sent again. */
export class AnswerLost extends Error {
  /** A statement was sent before; else no connection could be made. */
  readonly wasSent: boolean;

  constructor(wasSent: boolean, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.wasSent = wasSent;
  }
}

/**
 * SQLSTATEs that end with the moment: lost connections, a server that stops or starts, too many clients, and conflicts between
 * transactions. PgBouncer tells its own troubles with 08P01.
 */
const PASSING = /^(?:08|57P0|53300|40001|40P01|55P03|57014)/;

/**
 * One connection to a database, made when the first statement needs it and anew when it broke. Nothing is bound to a session, so that
 * it works behind a pooler that gives each transaction another one.
 */
export class Database {
  readonly #address: PostgresAddress;
  readonly #credentials: Credentials;
  #client: Promise<PgClient> | undefined;
  #live: PgClient | undefined;
  /** Statements under way. */
  #asked = 0;

  constructor(address: PostgresAddress, credentials: Credentials) {
    this.#address = address;
    this.#credentials = credentials;
  }

  /** Carries out one statement, or several without values. Rejects with an AnswerLost, or a StopError (exit 6) where the database said no for good. */
  async query<Row>(text: string, values: readonly unknown[] = []): Promise<QueryResult<Row & object>> {
    let wasSent = false;
    try {
      this.#client ??= this.#connect();
      const client = await this.#client;
      wasSent = true;
      return await this.#counted(client, () => client.query<Row & object>(text, [...values]));
    } catch (error) {
      const isOfStatement = error instanceof DatabaseError && wasSent && error.severity === "ERROR";
      // After anything but a plain error of the statement nobody knows what the connection will say next.
      if (!isOfStatement) this.#drop();
      if (error instanceof DatabaseError && !PASSING.test(error.code ?? "")) throw this.#refusal(error);
      if (!wasSent) {
        const refusal = this.#refusalToConnect(error);
        if (refusal !== undefined) throw refusal;
      }
      throw new AnswerLost(wasSent, error);
    }
  }

  /** What is told where no answer comes. */
  unreachable(cause: unknown): StopError {
    const { shown, host, port } = this.#address;
    const why = cause instanceof Error ? cause.message || ("code" in cause ? String(cause.code) : "") : String(cause);
    const message = `The database of the idempotency log ${shown} does not answer at ${host}:${port} (${why}).`;
    return stopError(EXIT.log, "LOG_UNREACHABLE", message, { file: shown }, cause);
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    client?.ref();
    // A server that does not answer any more must not hold up the end.
    await Promise.race([client?.end(), sleep(1_000, undefined, { ref: false })]);
  }

  async #connect(): Promise<PgClient> {
    const { host, port, user, database, tls, password } = this.#address;
    const client = new Client({
      // As a function: else pg looks for a password file by itself.
      ...{ host, port, user, database, password: () => password ?? this.#credentials.password ?? "" },
      ssl: tls === "off" ? false : this.#trust(),
      connectionTimeoutMillis: CONNECT_MS,
      // Not the server's own limits: a pooler refuses to pass them on.
      query_timeout: STATEMENT_MS,
      keepAlive: true,
      application_name: "qalyptus-propagate",
    }) as PgClient;
    // Without a listener a connection that drops while nothing is asked ends the process.
    client.on("error", () => {
      if (this.#live === client) this.#drop();
    });
    await client.connect();
    this.#live = client;
    return client;
  }

  /** A connection that is only kept for the next statement keeps no process alive. */
  async #counted<T>(client: PgClient, ask: () => Promise<T>): Promise<T> {
    this.#asked += 1;
    client.ref();
    try {
      return await ask();
    } finally {
      this.#asked -= 1;
      if (this.#asked === 0) client.unref();
    }
  }

  #trust() {
    const { secureContext } = this.#credentials;
    const { host } = this.#address;
    return {
      rejectUnauthorized: true,
      ...(secureContext && { secureContext }),
      // pg holds the certificate of a server that is named by its IP address against "localhost".
      checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate),
    };
  }

  /** Gives the connection up; what it may still answer is nobody's any more. */
  #drop(): void {
    const live = this.#live;
    this.#client = undefined;
    this.#live = undefined;
    live?.end().catch(() => undefined);
  }

  #refusalToConnect(error: unknown): StopError | undefined {
    const { shown, host, tls } = this.#address;
    const { message = "", code = "" } = error as { readonly message?: string; readonly code?: string };
    const file = { file: shown };
    if (message.startsWith("SASL:") || message.includes("password must be a string"))
      return stopError(
        EXIT.log,
        "LOG_PASSWORD",
        `The database of the idempotency log ${shown} wants a password.`,
        file,
      );
    if (message.includes("does not support SSL")) {
      const text = `The database of the idempotency log ${shown} offers no TLS.`;
      const hint = "Let it offer TLS; or add &sslmode=disable where nobody can read what is sent on the way";
      return stopError(EXIT.log, "LOG_TLS", text, { ...file, hint });
    }
    if (tls === "verified" && /^(?:ERR_TLS|CERT_|DEPTH_|SELF_|UNABLE_)/.test(code)) {
      const text = `The certificate of ${host} is not trusted for the idempotency log ${shown} (${code}).`;
      return stopError(EXIT.log, "LOG_TLS", text, file);
    }
    return undefined;
  }

  #refusal(error: DatabaseError): StopError {
    const { shown, user, database } = this.#address;
    const refuse = (code: ProblemCode, message: string, more: { readonly hint?: string } = {}): StopError =>
      stopError(EXIT.log, code, message, { file: shown, ...more }, error);
    switch (error.code) {
      case "28P01":
      case "28000":
        return refuse("LOG_PASSWORD", `The database of the idempotency log ${shown} does not let the user ${user} in.`);
      case "3D000":
        return refuse("LOG_UNREACHABLE", `There is no database ${database} for the idempotency log ${shown}.`);
      case "3F000":
      case "42P01":
        return refuse("LOG_TABLES_MISSING", `The database of ${shown} has no tables for an idempotency log.`, {
          hint: `Make them once: qalyptus-propagate log init ${shellWord(shown)}`,
        });
      case "42501":
        return refuse("LOG_NO_RIGHT", `The user ${user} may not do this with ${shown}: ${error.message}.`);
      default:
        return refuse(
          "LOG_UNWRITABLE",
          `The database refused the idempotency log ${shown}: ${error.message} (${error.code}).`,
        );
    }
  }
}
