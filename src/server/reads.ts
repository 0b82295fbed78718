import { EXIT, type Problem, StopError } from "../shared/problems.js";
import type { Chance, Clock } from "../shared/time.js";
import type { AnswerContext } from "./answer-problems.js";
import type { HttpClient } from "./client.js";
import type { Exchange } from "./exchange.js";
import { classifyRead, isEnveloped, type ReadAnswer } from "./read-answer.js";
import type { FailureKind } from "./transport-failure.js";
import { type ApiVersion, apiRoot } from "./url.js";

/** The read routes; which version of the API answers is remembered for each. */
export type ReadRoute = "list" | "task" | "reports" | "report" | "triggers" | "recipients";

/** One read. `path` is below `/api/v2`, with its query. */
export interface Read {
  readonly route: ReadRoute;
  readonly path: string;
  readonly fresh?: boolean | undefined;
}

/** An answer that is not the end of the run. */
export type SoundAnswer = Exclude<ReadAnswer, { kind: "stop" }>;

export interface ServerReadsSettings {
  readonly client: HttpClient;
  readonly context: AnswerContext;
  readonly retries: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** Lists may be large; a list in pages that is larger than this is no list of tasks. */
const MOST_BYTES = 64 * 1024 * 1024;
const FIRST_BACK_OFF_MS = 200;
const LONGEST_BACK_OFF_MS = 10_000;
/** Once the server has answered in this run, connections may be refused for so long (a restart) before the run ends. */
const REFUSED_FOR_MS = 30_000;

/** Reads with retries, and from the older routes where the newer are missing. Keeps what this run has learned of the server. */
export class ServerReads {
  readonly #of: ServerReadsSettings;
  readonly #versions = new Map<ReadRoute, ApiVersion>();
  /** Routes that were missing in both versions, with an answer that is not this API's. */
  readonly #foreign = new Set<ReadRoute>();
  #answered = false;
  #isQalyptus = false;

  constructor(settings: ServerReadsSettings) {
    this.#of = settings;
  }

  /** Reads one thing. Throws a StopError (exit 5) where the whole run must end. */
  async read(read: Read): Promise<SoundAnswer> {
    const version = this.#versions.get(read.route);
    if (version !== undefined) return this.#sound(await this.#attempts(read, version));
    const newer = this.#sound(await this.#attempts(read, "v2"));
    if (newer.kind === "json") this.#versions.set(read.route, "v2");
    if (newer.kind !== "missing") return newer;
    const older = await this.#attempts(read, "v1");
    if (older.kind === "json") this.#versions.set(read.route, "v1");
    // Where v2 answers elsewhere, a login page at v1 only says that there is no v1.
    const none = older.kind === "missing" || (older.kind === "stop" && [...this.#versions.values()].includes("v2"));
    return none ? this.#missing(read, newer, older) : this.#sound(older);
  }

  /** Whether this route has answered before, so that it is known how to ask it. */
  knows(route: ReadRoute): boolean {
    return this.#versions.has(route);
  }

  /** Says that this server answered as the API does: from now on, a strange answer is a fault and not a wrong server. */
  recognise(): void {
    this.#isQalyptus = true;
  }

  /** Ends the run with NOT_QALYPTUS where nothing has answered as this API does. */
  suspect(stranger: Problem | undefined): void {
    if (stranger !== undefined && !this.#isQalyptus) throw new StopError(EXIT.server, stranger);
  }

  #missing(
    read: Read,
    newer: Extract<ReadAnswer, { kind: "missing" }>,
    older: ReadAnswer,
  ): Extract<ReadAnswer, { kind: "missing" }> {
    const foreign = newer.foreign && older.kind === "missing" && older.foreign;
    if (foreign) this.#foreign.add(read.route);
    const everywhere = (["list", "task", "reports"] as const).every((route) => this.#foreign.has(route));
    if (everywhere) this.suspect({ ...newer.problem, code: "NOT_QALYPTUS", hint: WRONG_SERVER });
    const unsure = newer.status === 405 || (older.kind === "missing" && older.status === 405);
    return { ...newer, foreign, status: unsure ? 405 : 404 };
  }

  #sound(answer: ReadAnswer): SoundAnswer {
    if (answer.kind === "stop") throw new StopError(EXIT.server, answer.problem);
    return answer;
  }

  async #attempts(read: Read, version: ApiVersion): Promise<ReadAnswer> {
    const { client, context, clock } = this.#of;
    const begun = clock.monotonic();
    for (let attempt = 0; ; attempt += 1) {
      const exchange = await client.exchange({
        method: "GET",
        path: apiRoot(client.server, version) + read.path,
        fresh: read.fresh,
        maxBytes: MOST_BYTES,
      });
      this.#learn(exchange);
      const answer = classifyRead(exchange, context);
      if (answer.kind !== "failing") return answer;
      if (answer.failure?.kind === "aborted" || client.closing.aborted) return answer;
      if (!this.#mayTryAgain(answer, attempt, clock.monotonic() - begun)) return this.#givenUp(answer);
      await clock.sleep(this.#backOff(answer, attempt), client.closing);
    }
  }

  #learn(exchange: Exchange): void {
    if (exchange.kind === "answer") this.#answered = true;
    if (!this.#isQalyptus && isEnveloped(exchange)) this.#isQalyptus = true;
  }

  #mayTryAgain(answer: Failing, attempt: number, elapsedMs: number): boolean {
    if (answer.failure?.passing === false) return false;
    if (attempt < this.#of.retries) return true;
    return answer.failure?.connecting === true && this.#answered && elapsedMs < REFUSED_FOR_MS;
  }

  /** Full jitter, so that many clients do not come back at once; what the server asks for is the least. */
  #backOff(answer: Failing, attempt: number): number {
    const longest = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** attempt);
    return Math.max(this.#of.chance.fraction() * longest, Math.min(answer.retryAfterMs ?? 0, this.#of.timeoutMs));
  }

  /** No connection, or none that ever came to an answer, ends the run; a server that answered before is only failing. */
  #givenUp(answer: Failing): ReadAnswer {
    const { failure } = answer;
    if (failure === undefined) return answer;
    if (failure.connecting) throw new StopError(EXIT.server, failure.problem, { cause: failure });
    if (this.#answered || !NO_ANSWER_AT_ALL.has(failure.kind)) return answer;
    const code = failure.kind === "protocol" ? "NOT_QALYPTUS" : "UNREACHABLE";
    throw new StopError(EXIT.server, { ...failure.problem, code }, { cause: failure });
  }
}

type Failing = Extract<ReadAnswer, { kind: "failing" }>;

/** How a first request fails where it is hardly worth asking for anything else. */
const NO_ANSWER_AT_ALL: ReadonlySet<FailureKind> = new Set(["hang-up", "protocol", "unasked"]);

const WRONG_SERVER =
  "Nothing there answers as a Qalyptus Server does: check host, port and path in --server (its own port is often 3994)";
