import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Api, type ApiCall, type CallKind, type Performed, type Route, routeOf, runTask } from "./api.js";
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
import { sandboxPage } from "./page.js";
import type { TaskStore } from "./store.js";

/** The largest body that the sandbox reads, in bytes. */
export const LARGEST_BODY = 1024 * 1024;
/** So much more is read and thrown away, so that a client sees its 413 before the connection ends. */
const LARGEST_DISCARD = 16 * LARGEST_BODY;
const RATE_WINDOW_MS = 1000;

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
  readonly #faults = new Map<FaultName, number>();
  /** When the requests of the last second came, in milliseconds. */
  #recent: readonly number[] = [];
  #requests = 0;
  #creates = 0;
  #writes = 0;
  #admitted = 0;
  #made = 0;
  #keyRefusals = 0;
  #writesNow = 0;
  #mostWrites = 0;

  constructor(deps: RequestDeps) {
    this.#deps = deps;
  }

  /** Ends every wait: late work still to come is dropped. */
  end(): void {
    this.#ended.abort();
  }

  counts() {
    return {
      /** Requests to the API, also those to routes that do not exist. */
      requests: this.#requests,
      creates: this.#creates,
      writes: this.#writes,
      /** Copies that were made. */
      made: this.#made,
      /** Refused for their key: 401 and 417. */
      keyRefusals: this.#keyRefusals,
      /** The most writes that were on their way at the same time, from arrival to the end of their answer. */
      mostWritesAtOnce: this.#mostWrites,
      /** How many requests each fault befell. */
      faults: Object.fromEntries(this.#faults) as Readonly<Partial<Record<FaultName, number>>>,
    };
  }

  /** Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? "GET";
    const url = urlOf(request.url ?? "/");
    const route = routeOf(method, url, this.#deps.behaviour);
    const leave = this.#arrive(route);
    response.once("close", leave);
    const requestId = request.headers["x-request-id"];
    if (typeof requestId === "string") response.setHeader("x-request-id", requestId);
    let reaction: Reaction;
    try {
      reaction = await this.#react(request, route, url);
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
  #arrive(route: Route): () => void {
    if (route.kind === "api" || (route.kind === "stray" && route.api)) this.#requests += 1;
    if (route.kind !== "api" || !isWrite(route.call.kind)) return () => {};
    this.#writes += 1;
    if (route.call.kind === "duplicate") this.#creates += 1;
    let isOnItsWay = true;
    this.#writesNow += 1;
    this.#mostWrites = Math.max(this.#mostWrites, this.#writesNow);
    return () => {
      if (isOnItsWay) this.#writesNow -= 1;
      isOnItsWay = false;
    };
  }

  async #react(request: IncomingMessage, route: Route, url: URL): Promise<Reaction> {
    const { behaviour, store, api, chaos } = this.#deps;
    if (route.kind === "page") return htmlAnswer(200, sandboxPage(store.tasks(), route.query), PAGE_HEADERS);
    if (route.kind === "run") {
      const task = store.task(route.taskId);
      if (task === undefined) return failure(behaviour, 404, `there is no task ${route.taskId}`);
      return { ...jsonAnswer(200, null), body: `${JSON.stringify(runTask(task), undefined, 2)}\n` };
    }
    if (route.kind === "stray" && !route.api) return strayAnswer(route, url, behaviour);
    const refusal = this.#refusal(request.headers.authorization);
    if (refusal !== undefined) return refusal;
    const body = route.kind === "api" && isWrite(route.call.kind) ? await readBody(request) : undefined;
    if (body === "gone" || !(await this.#waited(this.#deps.latencyMs))) return "gone";
    if (route.kind === "stray") return strayAnswer(route, url, behaviour);
    if (body !== undefined && "wrong" in body) return failure(behaviour, body.wrong, body.message);
    const { call } = route;
    const name = api.nameOf(call, body?.json);
    const key = `${request.method} ${url.pathname}${url.search} ${name}`;
    const befallen = chaos.next({ kind: call.kind, key, name });
    if (befallen === undefined) return (await this.#work(call, body?.json)).answer;
    this.#faults.set(befallen.fault, (this.#faults.get(befallen.fault) ?? 0) + 1);
    return this.#disturbed(call, body?.json, befallen);
  }

  /** Judges a request before it is looked at: its key, and how many came within the last second. */
  #refusal(authorization: string | undefined): Answer | undefined {
    const { behaviour, key, now } = this.#deps;
    const refuseKey = (status: 401 | 417, message: string): Answer => {
      this.#keyRefusals += 1;
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
  async #disturbed(call: ApiCall, body: unknown, { effect, lateMs }: Befallen): Promise<Reaction> {
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

  async #work(call: ApiCall, body: unknown): Promise<Performed> {
    const performed = await this.#deps.api.perform(call, body);
    if (performed.made !== undefined) this.#made += 1;
    return performed;
  }

  /** Resolves with `true` after `ms` milliseconds, with `false` as soon as the sandbox closes. */
  #waited(ms: number): Promise<boolean> {
    if (ms <= 0) return Promise.resolve(!this.#ended.signal.aborted);
    return sleep(ms, true, { signal: this.#ended.signal }).catch(() => false);
  }
}

function isWrite(kind: CallKind): boolean {
  return kind === "duplicate" || kind === "patch";
}

function strayAnswer(route: Extract<Route, { kind: "stray" }>, { pathname }: URL, behaviour: Behaviour): Answer {
  if (route.allow === undefined) return failure(behaviour, 404, `there is no ${pathname}`);
  return failure(behaviour, 405, `${pathname} answers to ${route.allow} only`, { allow: route.allow });
}

/** The page may show text from outside; nothing in it may load or run. */
const PAGE_HEADERS = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
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

/** A write's body, or why there is none. `gone`: the client hung up while it was sending. */
type Body = { readonly json: unknown } | { readonly wrong: 400 | 413 | 415; readonly message: string } | "gone";

/** Reads a JSON body as strictly as the server does. Never rejects. */
async function readBody(request: IncomingMessage): Promise<Body> {
  const type = (request.headers["content-type"] ?? "").toLowerCase();
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/.test(type))
    return { wrong: 415, message: "the body must be application/json" };
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
  if (size > LARGEST_BODY) return { wrong: 413, message: `the body is larger than ${LARGEST_BODY} bytes` };
  try {
    return { json: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "unreadable";
    return { wrong: 400, message: `the body is no JSON in UTF-8: ${why}` };
  }
}
