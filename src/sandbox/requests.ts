import type { IncomingMessage, ServerResponse } from "node:http";
import { systemClock } from "../shared/time.js";
import { type Api, type Call, type CallKind, type Performed, routeOf } from "./api.js";
import type { Befallen, Chaos } from "./chaos.js";
import {
  type Answer,
  type Behaviour,
  type FaultName,
  failure,
  htmlAnswer,
  jsonAnswer,
  success,
  tooMany,
} from "./faults.js";
import { runTask, sandboxPage } from "./page.js";
import type { TaskStore } from "./store.js";

/** The largest body that the sandbox reads, in bytes. */
export const LARGEST_BODY = 1024 * 1024;
/** So much more is read and thrown away, so that a client sees its 413 before the connection ends. */
const LARGEST_DISCARD = 16 * LARGEST_BODY;
const RATE_WINDOW_MS = 1000;

/** The names of the address on which the sandbox listens. */
const OWN_NAMES = ["127.0.0.1", "localhost", "[::1]"];

interface RequestDeps {
  readonly key: string;
  readonly api: Api;
  readonly store: TaskStore;
  readonly behaviour: Behaviour;
  readonly chaos: Chaos;
  readonly latencyMs: number;
  readonly now: () => Date;
  readonly onFailure: (error: unknown) => void;
}

/** `gone`: there is nobody any more to answer. */
type Reaction = Answer | "cut" | "hang" | "gone";

/** Serves requests from their arrival to the end of their answer, and counts them as they arrive, whatever is answered. */
export class Requests {
  readonly #deps: RequestDeps;
  readonly #ended = new AbortController();
  /** When the requests of the last second came, in milliseconds. */
  #recent: readonly number[] = [];
  readonly #counts = {
    /** Requests to the API, also those to routes that do not exist. */
    requests: 0,
    creates: 0,
    writes: 0,
    /** Copies that were made. */
    made: 0,
    /** Refused for their key: 401 and 417. */
    keyRefusals: 0,
    /** The most writes that were on their way at the same time, from arrival to the end of their answer. */
    mostWritesAtOnce: 0,
    /** How many requests each fault befell. */
    faults: {} as Partial<Record<FaultName, number>>,
  };
  #admitted = 0;
  #writesNow = 0;

  constructor(deps: RequestDeps) {
    this.#deps = deps;
  }

  /** Ends every wait: late work still to come is dropped. */
  end(): void {
    this.#ended.abort();
  }

  counts() {
    return structuredClone(this.#counts);
  }

  /** Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = routeOf(request.method ?? "GET", urlOf(request.url ?? "/"), this.#deps.behaviour);
    const leave = this.#arrive(call);
    response.once("close", leave);
    const requestId = request.headers["x-request-id"];
    if (typeof requestId === "string") response.setHeader("x-request-id", requestId);
    let reaction: Reaction;
    try {
      reaction = await this.#react(request, call);
    } catch (error) {
      const why = error instanceof Error ? error.message : "unknown";
      reaction = failure(this.#deps.behaviour, 500, `the sandbox could not do this: ${why}`);
      this.#deps.onFailure(error);
    }
    // Before the answer is on the wire: else its client could be back with the next write while this one still counts.
    if (reaction !== "hang") leave();
    if (reaction === "cut" || reaction === "gone") cut(response);
    else if (reaction !== "hang") deliver(response, reaction);
  }

  /** Counts a request to the API. Returns what must be called when it ends; calling that again does nothing. */
  #arrive(call: Call): () => void {
    const counts = this.#counts;
    if (call.isApi) counts.requests += 1;
    if (!isWrite(call)) return () => {};
    counts.writes += 1;
    if (call.kind === "duplicate") counts.creates += 1;
    let isOnItsWay = true;
    this.#writesNow += 1;
    counts.mostWritesAtOnce = Math.max(counts.mostWritesAtOnce, this.#writesNow);
    return () => {
      if (isOnItsWay) this.#writesNow -= 1;
      isOnItsWay = false;
    };
  }

  async #react(request: IncomingMessage, call: Call): Promise<Reaction> {
    const { behaviour, store, api, chaos, latencyMs } = this.#deps;
    const { kind, url, taskId } = call;
    if (!isForUs(request))
      return failure(
        behaviour,
        421,
        "the sandbox answers to 127.0.0.1 and localhost with its own port, and to no other host",
      );
    if (kind === "page") return htmlAnswer(200, sandboxPage(store.tasks()), PAGE_HEADERS);
    if (kind === "run") {
      const task = store.task(taskId);
      if (task === undefined) return failure(behaviour, 404, `there is no task ${taskId}`);
      return { ...jsonAnswer(200, null), body: `${JSON.stringify(runTask(task), undefined, 2)}\n` };
    }
    const refusal = call.isApi ? this.#refusal(request.headers.authorization) : undefined;
    if (refusal !== undefined) return refusal;
    const body = isWrite(call) ? await readBody(request) : undefined;
    if (body === "gone" || (call.isApi && !(await this.#waited(latencyMs)))) return "gone";
    if (kind === "stray" && call.allow === "") return failure(behaviour, 404, `there is no ${url.pathname}`);
    if (kind === "stray")
      return failure(behaviour, 405, `${url.pathname} answers to ${call.allow} only`, { allow: call.allow });
    if (body !== undefined && "wrong" in body) return failure(behaviour, ...body.wrong);
    const known = { ...call, kind };
    const name = api.nameOf(known, body?.json);
    const befallen = chaos.next({ kind, key: `${request.method} ${url.pathname}${url.search} ${name}`, name });
    if (befallen === undefined) return (await this.#work(known, body?.json)).answer;
    const { faults } = this.#counts;
    faults[befallen.fault] = (faults[befallen.fault] ?? 0) + 1;
    return this.#disturbed(known, body?.json, befallen);
  }

  /** Judges a request before it is looked at: its key, and how many came within the last second. */
  #refusal(authorization: string | undefined): Answer | undefined {
    const { behaviour, key, now } = this.#deps;
    const refuseKey = (status: 401 | 417, message: string): Answer => {
      this.#counts.keyRefusals += 1;
      return failure(behaviour, status, message, status === 401 ? { "www-authenticate": "Bearer" } : {});
    };
    if (/^bearer (.*)$/i.exec(authorization ?? "")?.[1] !== key)
      return refuseKey(401, "the API key is missing or wrong");
    this.#admitted += 1;
    const { keyExpiry, rateLimit } = behaviour;
    if (keyExpiry !== undefined && this.#admitted > keyExpiry.after)
      return refuseKey(keyExpiry.status, "the API key has expired");
    if (rateLimit === undefined) return undefined;
    const at = now().getTime();
    this.#recent = this.#recent.filter((earlier) => at - earlier < RATE_WINDOW_MS);
    if (this.#recent.length >= rateLimit) return tooMany(behaviour, "1");
    this.#recent = [...this.#recent, at];
    return undefined;
  }

  /** Does the work of one request, as its fault has it, and says what goes back. */
  async #disturbed(call: Call<CallKind>, body: unknown, { effect, lateMs }: Befallen): Promise<Reaction> {
    const { behaviour, store, now, onFailure } = this.#deps;
    let performed: Performed | undefined;
    if (effect.work === "later")
      this.#waited(lateMs)
        .then((passed) => (passed ? this.#work(call, body) : undefined))
        .catch(onFailure);
    else if (effect.work !== "none") performed = await this.#work(call, body);
    if (effect.work === "twice") await this.#work(call, body);
    const usual = performed?.answer ?? success(behaviour, null);
    return effect.answer({ usual, made: performed?.made, behaviour, now: now(), tasks: () => store.tasks() });
  }

  async #work(call: Call<CallKind>, body: unknown): Promise<Performed> {
    const performed = await this.#deps.api.perform(call, body);
    if (performed.made !== undefined) this.#counts.made += 1;
    return performed;
  }

  /** Resolves with `true` after `ms` milliseconds, with `false` as soon as the sandbox closes. */
  async #waited(ms: number): Promise<boolean> {
    const { signal } = this.#ended;
    if (ms > 0) await systemClock.sleep(ms, signal);
    return !signal.aborted;
  }
}

/**
 * Whether a request names this server. A web page can point a name of its own at 127.0.0.1 (DNS rebinding): the browser then lets
 * it read the answers, and sends that name as `Host`.
 */
function isForUs({ headers, socket }: IncomingMessage): boolean {
  const host = headers.host?.toLowerCase();
  const port = socket.localPort;
  return OWN_NAMES.some((name) => host === `${name}:${port}` || (port === 80 && host === name));
}

function isWrite({ kind }: Call): boolean {
  return kind === "duplicate" || kind === "patch";
}

/** The page may show text from outside; nothing in it may load or run. */
const PAGE_HEADERS = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'",
};

/** Puts an answer on the wire. An answer to a client that has gone is dropped. */
function deliver(response: ServerResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const body = Buffer.from(answer.body, "utf8");
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": body.length + (answer.short === true ? 1 : 0),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...answer.headers,
  });
  if (answer.short !== true) response.end(body);
  else response.write(body.subarray(0, Math.floor(body.length / 2)), () => cut(response));
}

/** Ends the connection without (or in the midst of) an answer. */
function cut(response: ServerResponse): void {
  (response.socket ?? response).destroy();
}

/** The request's target as a URL; in absolute form (as proxies send it) too. What is no URL leads nowhere. */
function urlOf(target: string): URL {
  if (target.startsWith("/")) return new URL(`http://sandbox${target}`);
  return URL.canParse(target) ? new URL(target) : new URL("http://sandbox/unreadable");
}

/** Reads a JSON body as strictly as the server does; returns why there is none. `gone`: the client hung up. Never rejects. */
async function readBody(
  request: IncomingMessage,
): Promise<{ readonly json: unknown } | { readonly wrong: readonly [status: number, message: string] } | "gone"> {
  const type = (request.headers["content-type"] ?? "").toLowerCase();
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/.test(type))
    return { wrong: [415, "the body must be application/json"] };
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      size += chunk.length;
      if (size <= LARGEST_BODY) chunks.push(chunk);
      else if (size > LARGEST_DISCARD) break;
    }
  } catch {
    return "gone";
  }
  if (size > LARGEST_BODY) return { wrong: [413, `the body is larger than ${LARGEST_BODY} bytes`] };
  try {
    return { json: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))) };
  } catch (cause) {
    return { wrong: [400, `the body is no JSON in UTF-8: ${cause instanceof Error ? cause.message : "unreadable"}`] };
  }
}
