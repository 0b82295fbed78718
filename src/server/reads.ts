import { EXIT, StopError, stopError } from "../shared/problems.js";
import { type ApiVersion, apiRoot } from "./address.js";
import type { HttpClient, QalyptusApiSettings } from "./client.js";
import type { FailureKind } from "./failure.js";
import { classifyRead, type ReadAnswer } from "./replies.js";

/** The read routes; which version of the API answers is remembered for each. */
export type ReadRoute = "list" | "task" | "reports" | "triggers" | "recipients";

/** One read. `path` is below `/api/v2`, with its query. */
export interface Read {
  readonly route: ReadRoute;
  readonly path: string;
  readonly fresh?: boolean | undefined;
}

/** Lists may be large; a list in pages that is larger than this is no list of tasks. */
const MOST_BYTES = 64 * 1024 * 1024;
const FIRST_BACK_OFF_MS = 200;
const LONGEST_BACK_OFF_MS = 10_000;
/** Once the server has answered in this run, connections may be refused for so long (a restart) before the run ends. */
const REFUSED_FOR_MS = 30_000;
/** How a first request fails where it is hardly worth asking for anything else. */
const NO_ANSWER_AT_ALL: readonly FailureKind[] = ["hang-up", "protocol", "unasked"];

/** Reads with retries, and from the older routes where the newer are missing. Keeps what this run has learned of the server. */
export class ServerReads {
  readonly #client: HttpClient;
  readonly #settings: QalyptusApiSettings;
  readonly #versions = new Map<ReadRoute, ApiVersion>();
  /** Routes that were missing in both versions, with an answer that is not this API's. */
  readonly #foreign = new Set<ReadRoute>();
  #answered = false;
  #isQalyptus = false;

  constructor(client: HttpClient, settings: QalyptusApiSettings) {
    this.#client = client;
    this.#settings = settings;
  }

  /** Reads one thing; the answer is never a `stop`. Throws a StopError (exit 5) where the whole run must end. */
  async read(read: Read): Promise<ReadAnswer> {
    const { route } = read;
    const version = this.#versions.get(route);
    const newer = sound(await this.#attempts(read, version ?? "v2"));
    if (newer.kind === "json") this.#versions.set(route, version ?? "v2");
    if (newer.kind !== "missing" || version !== undefined) return newer;
    const older = await this.#attempts(read, "v1");
    if (older.kind === "json") this.#versions.set(route, "v1");
    // Where v2 answers elsewhere, a login page at v1 only says that there is no v1.
    const isLogin = older.kind === "stop" && [...this.#versions.values()].includes("v2");
    if (older.kind !== "missing" && !isLogin) return sound(older);
    if (older.kind === "missing" && newer.isStrange === true && older.isStrange === true) {
      this.#foreign.add(route);
      if ((["list", "task", "reports"] as const).every((one) => this.#foreign.has(one))) this.suspect(newer);
    }
    return older.kind === "missing" && older.status === 405 ? { ...newer, status: 405 } : newer;
  }

  /** Says that this server answered as the API does: from now on, a strange answer is a fault and not a wrong server. */
  recognise(): void {
    this.#isQalyptus = true;
  }

  /** Ends the run with NOT_QALYPTUS where nothing has answered as this API does. */
  suspect({ isStrange, problem: { message } }: ReadAnswer): void {
    if (isStrange === true && !this.#isQalyptus) throw stopError(EXIT.server, "NOT_QALYPTUS", message);
  }

  async #attempts(read: Read, version: ApiVersion): Promise<ReadAnswer> {
    const client = this.#client;
    const { clock, chance, retries, timeoutMs } = this.#settings;
    const path = apiRoot(client.server, version) + read.path;
    const begun = clock.monotonic();
    for (let attempt = 0; ; attempt += 1) {
      const exchange = await client.exchange({ method: "GET", path, fresh: read.fresh, maxBytes: MOST_BYTES });
      if (exchange.kind === "answer") this.#answered = true;
      const answer = classifyRead(exchange, client);
      if (answer.isEnveloped === true) this.recognise();
      const { failure } = answer;
      if (answer.kind !== "failing" || failure?.kind === "aborted" || client.closing.aborted) return answer;
      const isRestart = failure?.connecting === true && this.#answered && clock.monotonic() - begun < REFUSED_FOR_MS;
      if (failure?.passing === false || (attempt >= retries && !isRestart)) return this.#givenUp(answer);
      // Full jitter, so that many clients do not come back at once; what the server asks for is the least.
      const jitter = chance.fraction() * Math.min(FIRST_BACK_OFF_MS * 2 ** attempt, LONGEST_BACK_OFF_MS);
      await clock.sleep(Math.max(jitter, Math.min(answer.retryAfterMs ?? 0, timeoutMs)), client.closing);
    }
  }

  /** No connection, or none that ever came to an answer, ends the run; a server that answered before is only failing. */
  #givenUp(answer: ReadAnswer): ReadAnswer {
    const { failure } = answer;
    if (failure === undefined) return answer;
    if (failure.connecting) throw new StopError(EXIT.server, failure.problem, { cause: failure });
    if (this.#answered || !NO_ANSWER_AT_ALL.includes(failure.kind)) return answer;
    const code = failure.kind === "protocol" ? "NOT_QALYPTUS" : "UNREACHABLE";
    throw new StopError(EXIT.server, { ...failure.problem, code }, { cause: failure });
  }
}

function sound(answer: ReadAnswer): ReadAnswer {
  if (answer.kind === "stop") throw new StopError(EXIT.server, answer.problem);
  return answer;
}
